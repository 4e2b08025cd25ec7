// A modal dialog: keeps the focus inside, ends with Escape, gives the focus back.
(function (window) {
  'use strict';

  var document = window.document;
  var demo = window.IMDemo;
  var el = demo.el;
  var FOCUSABLE = 'button:not([disabled]), input, select, textarea, a[href], video[controls]';

  // Keeps Tab inside `node`. Gives back what ends that.
  function trapFocus(node, onEscape) {
    var before = document.activeElement;
    var onKey = function (event) {
      if (event.key === 'Escape' && onEscape) {
        event.preventDefault();
        onEscape();
      }
      if (event.key !== 'Tab') return;
      var all = Array.prototype.filter.call(node.querySelectorAll(FOCUSABLE), function (each) {
        return each.offsetParent !== null;
      });
      if (all.length === 0) return;
      var edge = event.shiftKey ? all[0] : all[all.length - 1];
      var outside = !node.contains(document.activeElement);
      if (outside || document.activeElement === edge) {
        event.preventDefault();
        (event.shiftKey ? all[all.length - 1] : all[0]).focus();
      }
    };
    document.addEventListener('keydown', onKey, true);
    return function () {
      document.removeEventListener('keydown', onKey, true);
      if (before && before.focus) before.focus();
    };
  }

  // A form of labelled fields.
  // options: {title, text?, fields: [{name, label, value?, type?, maxlength?, long?, optional?}], submit, danger?, onSubmit(values)}
  function ask(options) {
    var inputs = {};
    var close = function () {
      untrap();
      document.body.removeChild(overlay);
    };
    var fields = (options.fields || []).map(function (field) {
      var input = el(field.long ? 'textarea' : 'input', {
        name: field.name,
        type: field.long ? null : field.type || 'text',
        rows: field.long ? '3' : null,
        maxlength: field.maxlength,
        min: field.type === 'number' ? '0' : null,
        required: !field.optional,
        autocomplete: 'off',
      });
      input.value = field.value === undefined ? '' : field.value;
      inputs[field.name] = input;
      return el('label', { class: 'field', children: [el('span', { text: field.label }), input] });
    });
    var cancel = el('button', { type: 'button', class: 'button', text: '取消', on: { click: close } });
    var submit = el('button', {
      type: 'submit',
      class: 'button ' + (options.danger ? 'button-danger' : 'button-primary'),
      text: options.submit,
    });
    var form = el('form', {
      class: 'dialog-form',
      on: {
        submit: function (event) {
          event.preventDefault();
          var values = {};
          Object.keys(inputs).forEach(function (name) {
            values[name] = inputs[name].value.trim();
          });
          close();
          options.onSubmit(values);
        },
      },
      children: [
        el('h2', { id: 'dialog-title', text: options.title }),
        options.text ? el('p', { text: options.text }) : null,
        el('div', { class: 'dialog-fields', children: fields }),
        el('div', { class: 'dialog-actions', children: [cancel, submit] }),
      ],
    });
    var box = el('div', {
      class: 'dialog',
      role: 'dialog',
      'aria-modal': 'true',
      'aria-labelledby': 'dialog-title',
      children: [form],
    });
    var overlay = el('div', { class: 'overlay', children: [box] });
    document.body.appendChild(overlay);
    var untrap = trapFocus(box, close);
    var first = form.querySelector('input, textarea') || submit;
    first.focus();
  }

  demo.dialog = { ask: ask, trapFocus: trapFocus };
})(window);

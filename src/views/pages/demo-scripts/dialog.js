// A modal dialog: keeps the focus inside, ends with Escape, gives the focus back.
(function (window) {
  'use strict';

  var document = window.document;
  var demo = window.IMDemo;
  var el = demo.el;

  // Those that keep Tab: the newest alone acts.
  var traps = [];

  // Keeps Tab inside `node`. Gives back what ends that.
  function trapFocus(node, onEscape) {
    var back = demo.focus.leave(document.activeElement);
    var onKey = function (event) {
      if (traps[traps.length - 1] !== node) return;
      if (event.key === 'Escape' && onEscape) {
        event.preventDefault();
        // Not also that of what lies below.
        event.stopImmediatePropagation();
        onEscape();
        return;
      }
      if (event.key !== 'Tab') return;
      var all = demo.focus.stops(node).filter(function (each) {
        return each.tabIndex >= 0;
      });
      if (all.length === 0) return;
      var edge = event.shiftKey ? all[0] : all[all.length - 1];
      var outside = !node.contains(document.activeElement);
      if (outside || document.activeElement === edge) {
        event.preventDefault();
        (event.shiftKey ? all[all.length - 1] : all[0]).focus();
      }
    };
    traps.push(node);
    document.addEventListener('keydown', onKey, true);
    return function () {
      traps.splice(traps.lastIndexOf(node), 1);
      document.removeEventListener('keydown', onKey, true);
      back();
    };
  }

  // Shows `children` over the page. Gives back what closes it.
  function open(title, children, first) {
    var box = el('div', {
      class: 'dialog',
      role: 'dialog',
      'aria-modal': 'true',
      'aria-labelledby': 'dialog-title',
      children: [el('h2', { id: 'dialog-title', text: title })].concat(children),
    });
    var overlay = el('div', { class: 'overlay', children: [box] });
    var close = function () {
      if (!overlay.parentNode) return;
      untrap();
      document.body.removeChild(overlay);
    };
    document.body.appendChild(overlay);
    var untrap = trapFocus(box, close);
    // Its beginning is read first, however long it is.
    first.focus({ preventScroll: true });
    return close;
  }

  // Something to look at, with a button that closes it. Gives back what closes it.
  function show(title, children) {
    var done = el('button', { type: 'button', class: 'button button-primary', text: '关闭' });
    var actions = el('div', { class: 'dialog-actions', children: [done] });
    var close = open(title, children.concat([actions]), done);
    done.onclick = close;
    return close;
  }

  function fieldNode(field) {
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
    var label = el('span', { text: field.label + (field.optional ? '（选填）' : '') });
    return { field: field, input: input, node: el('label', { class: 'field', children: [label, input] }) };
  }

  // A form of labelled fields. What was written stays until it has been taken: a blank field, or a failure, is said in
  // the dialog.
  // options: {title, text?, fields: [{name, label, value?, type?, maxlength?, long?, optional?}], submit, danger?,
  //   onSubmit(values) → nothing, or a promise of the SDK's, next? (what has the focus when that is done)}
  function ask(options) {
    var fields = (options.fields || []).map(fieldNode);
    var problem = el('p', { class: 'dialog-error', role: 'alert', hidden: true });
    var cancel = el('button', { type: 'button', class: 'button', text: '取消' });
    var submit = el('button', {
      type: 'submit',
      class: 'button ' + (options.danger ? 'button-danger' : 'button-primary'),
      text: options.submit,
    });
    var busy = false;
    var say = function (text) {
      problem.textContent = text;
      problem.hidden = text === '';
    };
    var done = function () {
      // Whoever closed it before is elsewhere.
      var isOpen = document.body.contains(form);
      close();
      if (isOpen && options.next) options.next.focus();
    };
    var onSubmit = function (event) {
      var values = {};
      var blank = null;
      event.preventDefault();
      if (busy) return;
      fields.forEach(function (each) {
        values[each.field.name] = each.input.value.trim();
        if (!blank && !each.field.optional && !values[each.field.name]) blank = each;
      });
      if (blank) {
        say('请填写' + blank.field.label);
        blank.input.focus();
        return;
      }
      say('');
      var taken = options.onSubmit(values);
      if (!taken) return done();
      busy = true;
      demo.focus.enable(submit, false);
      taken.done(done).fail(function (error) {
        busy = false;
        demo.focus.enable(submit, true);
        say(demo.failureText(error));
      });
    };
    var nodes = fields.map(function (each) {
      return each.node;
    });
    var form = el('form', {
      class: 'dialog-form',
      on: { submit: onSubmit },
      children: [
        options.text ? el('p', { text: options.text }) : null,
        el('div', { class: 'dialog-fields', children: nodes }),
        problem,
        el('div', { class: 'dialog-actions', children: [cancel, submit] }),
      ],
    });
    var close = open(options.title, [form], fields[0] ? fields[0].input : submit);
    cancel.onclick = close;
  }

  demo.dialog = { ask: ask, show: show, trapFocus: trapFocus };
})(window);

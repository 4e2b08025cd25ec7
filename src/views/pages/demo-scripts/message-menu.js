// What can be done with a message: by a long press, by the pointer's other button, and by the button beside it, which the
// keyboard reaches. That is one stop of Tab for all messages; arrows lead from one to the next.
(function (window) {
  'use strict';

  var document = window.document;
  var demo = window.IMDemo;
  var el = demo.el;
  var LONG_PRESS_MS = 500;
  // A finger that moves further is scrolling.
  var STILL_PX = 10;

  // list: the element that holds the messages. actionsOf(id): [{icon, label, run()}], none for what has no menu.
  function MessageMenu(list, actionsOf) {
    var self = this;
    this._list = list;
    this._actionsOf = actionsOf;
    this._node = null;
    // The id of the message whose menu is open.
    this._id = 0;
    this._press = null;
    this._handlers = {
      click: function (event) {
        var more = closest(event.target, 'message-more');
        if (more) self._open(more);
      },
      contextmenu: function (event) {
        self._asked(event);
      },
      keydown: function (event) {
        self._key(event);
      },
      focusin: function (event) {
        var more = closest(event.target, 'message-more');
        if (more) self._only(more);
      },
      touchstart: function (event) {
        self._touched(event);
      },
      touchmove: function (event) {
        self._moved(event);
      },
      touchend: function (event) {
        self._lifted(event);
      },
      touchcancel: function () {
        self._endPress();
      },
    };
    Object.keys(this._handlers).forEach(function (name) {
      list.addEventListener(name, self._handlers[name], false);
    });
  }

  function closest(node, name) {
    for (var at = node; at && at.classList; at = at.parentNode) if (at.classList.contains(name)) return at;
    return null;
  }

  MessageMenu.prototype.end = function () {
    var self = this;
    this._endPress();
    this.close();
    Object.keys(this._handlers).forEach(function (name) {
      self._list.removeEventListener(name, self._handlers[name], false);
    });
  };

  // ---- How it is asked for ----------------------------------------------------------------------------------

  // Where the reader has selected text, or points at a link in a text, the browser's own menu is the useful one.
  MessageMenu.prototype._asked = function (event) {
    var bubble = closest(event.target, 'bubble') || closest(event.target, 'message-more');
    var selected = window.getSelection && String(window.getSelection());
    if (!bubble) return;
    if (!this._press && (selected || closest(event.target, 'text-link'))) return;
    if (this._node || this._open(bubble)) event.preventDefault();
  };

  MessageMenu.prototype._touched = function (event) {
    var self = this;
    var bubble = closest(event.target, 'bubble');
    this._endPress();
    if (!bubble || event.touches.length !== 1) return;
    var touch = event.touches[0];
    this._press = { x: touch.clientX, y: touch.clientY, opened: false };
    this._press.timer = setTimeout(function () {
      self._press.opened = self._node !== null || self._open(bubble);
    }, LONG_PRESS_MS);
  };

  MessageMenu.prototype._moved = function (event) {
    var touch = event.touches[0];
    var press = this._press;
    if (!press || press.opened) return;
    if (Math.abs(touch.clientX - press.x) + Math.abs(touch.clientY - press.y) > STILL_PX) this._endPress();
  };

  // The press was for the menu: it does not also open the picture below it.
  MessageMenu.prototype._lifted = function (event) {
    if (this._press && this._press.opened && event.cancelable) event.preventDefault();
    this._endPress();
  };

  MessageMenu.prototype._endPress = function () {
    if (this._press) clearTimeout(this._press.timer);
    this._press = null;
  };

  MessageMenu.prototype._key = function (event) {
    var more = closest(event.target, 'message-more');
    var step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (!more || !step) return;
    var all = this._list.querySelectorAll('.message-more');
    var next = all[Array.prototype.indexOf.call(all, more) + step];
    event.preventDefault();
    if (next) next.focus();
  };

  // Tab stops at one of the buttons alone: the one that was used last, at first the newest message's.
  MessageMenu.prototype._only = function (more) {
    Array.prototype.forEach.call(this._list.querySelectorAll('.message-more'), function (each) {
      each.tabIndex = each === more ? 0 : -1;
    });
  };

  MessageMenu.prototype.arranged = function () {
    var all = this._list.querySelectorAll('.message-more');
    var isReached = Array.prototype.some.call(all, function (each) {
      return each.tabIndex === 0;
    });
    var mayMove = !isReached || !this._list.contains(document.activeElement);
    if (all.length > 0 && mayMove) this._only(all[all.length - 1]);
  };

  // ---- The menu ---------------------------------------------------------------------------------------------

  // Beside `at`, an element inside of a message. Gives back whether there is anything to choose.
  MessageMenu.prototype._open = function (at) {
    var self = this;
    var message = closest(at, 'message');
    // It may have been drawn anew since the finger came down.
    var isThere = message && this._list.contains(message);
    var id = isThere ? Number(message.getAttribute('data-id')) : 0;
    var actions = isThere ? this._actionsOf(id) : [];
    if (actions.length === 0) return false;
    this.close();
    this._id = id;
    var items = actions.map(function (action) {
      return el('button', {
        type: 'button',
        role: 'menuitem',
        class: 'message-menu-item',
        children: [demo.icon(action.icon), el('span', { text: action.label })],
        on: {
          click: function () {
            self.close();
            action.run();
          },
        },
      });
    });
    this._node = el('div', {
      class: 'message-menu',
      role: 'menu',
      'aria-label': '消息操作',
      children: items,
    });
    document.body.appendChild(this._node);
    place(this._node, message.querySelector('.bubble').getBoundingClientRect());
    this._listen(items, demo.focus.leave(message.querySelector('.message-more')));
    return true;
  };

  // Above the bubble where there is room, else below, and inside of the window.
  function place(node, box) {
    var width = node.offsetWidth;
    var height = node.offsetHeight;
    var top = box.top - height - 6;
    if (top < 64) top = Math.min(Math.max(box.bottom + 6, 64), window.innerHeight - height - 8);
    var left = Math.min(Math.max(box.left + box.width / 2 - width / 2, 8), window.innerWidth - width - 8);
    node.style.top = top + 'px';
    node.style.left = left + 'px';
  }

  // The list moves also by itself, as when a message comes: the menu goes along with its bubble, while that is in sight.
  MessageMenu.prototype._follow = function () {
    var bubble = this._list.querySelector('[data-id="' + this._id + '"] .bubble');
    var view = this._list.parentNode.getBoundingClientRect();
    var box = bubble && bubble.getBoundingClientRect();
    if (box && box.bottom > view.top && box.top < view.bottom) place(this._node, box);
    else this.close();
  };

  MessageMenu.prototype._listen = function (items, back) {
    var self = this;
    var onKey = function (event) {
      var at = items.indexOf(document.activeElement);
      var steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
      var step = steps[event.key];
      if (step) items[(at + step + items.length) % items.length].focus();
      else if (event.key === 'Home') items[0].focus();
      else if (event.key === 'End') items[items.length - 1].focus();
      else if (event.key === 'Escape' || event.key === 'Tab') self.close();
      else return;
      event.preventDefault();
      event.stopPropagation();
    };
    var onOutside = function (event) {
      if (!self._node.contains(event.target)) self.close();
    };
    var onScroll = function () {
      self._follow();
    };
    var scroller = this._list.parentNode;
    this._node.addEventListener('keydown', onKey, false);
    document.addEventListener('mousedown', onOutside, true);
    document.addEventListener('touchstart', onOutside, true);
    scroller.addEventListener('scroll', onScroll, false);
    this._unlisten = function () {
      document.removeEventListener('mousedown', onOutside, true);
      document.removeEventListener('touchstart', onOutside, true);
      scroller.removeEventListener('scroll', onScroll, false);
      back();
    };
    items[0].focus({ preventScroll: true });
  };

  MessageMenu.prototype.close = function () {
    if (!this._node) return;
    var node = this._node;
    this._node = null;
    this._unlisten();
    document.body.removeChild(node);
  };

  demo.MessageMenu = MessageMenu;
})(window);

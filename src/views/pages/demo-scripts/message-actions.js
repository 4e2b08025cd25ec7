// What the menu of a message does: copy, quote, take back; and the text of what was taken back here, to be written anew.
(function (window) {
  'use strict';

  var document = window.document;
  var demo = window.IMDemo;
  // Neither a consultation's start and end, nor a call, can be taken back.
  var NEVER = [6, 7, 10, 14];

  // options: {client, sessionId, me, composer, limitMs, onRecalled(data)}
  function MessageActions(options) {
    this._options = options;
    // By how much this clock is before the server's.
    this._ahead = 0;
    // Of what was taken back here, by the message's id. No longer than the conversation is open: nothing else keeps it.
    this._texts = {};
  }

  // A message of one's own that was stored just now.
  MessageActions.prototype.storedNow = function (message) {
    this._ahead = new Date().getTime() - new Date(message.timestamp).getTime();
  };

  MessageActions.prototype._mayTakeBack = function (message) {
    var age = new Date().getTime() - this._ahead - new Date(message.timestamp).getTime();
    var mine = message.sender_id === this._options.me.id;
    return mine && NEVER.indexOf(message.type) < 0 && age < this._options.limitMs;
  };

  MessageActions.prototype.of = function (message) {
    var self = this;
    var actions = [];
    if (demo.content.isLine(message)) return actions;
    if (typeof message.content === 'string') {
      actions.push({
        icon: 'copy',
        label: '复制',
        run: function () {
          copy(message.content);
        },
      });
    }
    actions.push({
      icon: 'quote',
      label: '引用',
      run: function () {
        self._options.composer.quote({
          id: message.id,
          sender_id: message.sender_id,
          sender_name: message.sender_name,
          type: message.type,
          text: demo.content.brief(message.type, message.content).slice(0, 100),
        });
      },
    });
    if (this._mayTakeBack(message)) {
      actions.push({
        icon: 'undo',
        label: '撤回',
        run: function () {
          self._takeBack(message);
        },
      });
    }
    return actions;
  };

  MessageActions.prototype._takeBack = function (message) {
    var self = this;
    var options = this._options;
    if (message.type === 1) this._texts[message.id] = message.content;
    options.client
      .recall(message.id, options.sessionId)
      .done(function (taken) {
        options.onRecalled({
          session_id: options.sessionId,
          message_id: message.id,
          recalled: taken.recalled,
        });
      })
      .fail(function (error) {
        var late = error && error.code === 'conflict';
        delete self._texts[message.id];
        demo.toast(late ? '已超过可以撤回的时间' : '撤回失败：' + demo.failureText(error));
      });
  };

  // What to write anew in the place of a message that was taken back; null: nothing is known.
  MessageActions.prototype.rewriteOf = function (message) {
    var self = this;
    var text = this._texts[message.id];
    if (text === undefined) return null;
    return function () {
      self._options.composer.write(text);
    };
  };

  // Over plain http there is no clipboard but the old one.
  function copy(text) {
    var done = function () {
      demo.toast('已复制');
    };
    var old = function () {
      var focused = document.activeElement;
      var area = demo.el('textarea', { class: 'visually-hidden', 'aria-hidden': 'true', readonly: true });
      area.value = text;
      document.body.appendChild(area);
      area.select();
      var copied = document.execCommand('copy');
      document.body.removeChild(area);
      if (focused && focused.focus) focused.focus();
      if (copied) done();
      else demo.toast('无法复制');
    };
    var clipboard = window.navigator.clipboard;
    if (clipboard && clipboard.writeText) clipboard.writeText(text).then(done, old);
    else old();
  }

  demo.MessageActions = MessageActions;
})(window);

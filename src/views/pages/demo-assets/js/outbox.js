// What the page has sent and has no answer to yet, over all sessions, and what was given up. The SDK does the sending
// and repeating; this remembers what to show, also when the page is closed on the way: the next one goes on, under the
// same ids.
(function (window) {
  'use strict';

  var demo = window.IMDemo;

  // onChange(sessionId), onStored(message)
  function Outbox(client, handlers) {
    this._client = client;
    this._handlers = handlers;
    this._entries = [];
    this._place = 'unsent:' + client.userId + ':';
  }

  // Takes up what an earlier page left. To be called once, when whoever it tells is there.
  Outbox.prototype.resume = function () {
    var self = this;
    demo.storage.names(this._place).forEach(function (name) {
      var entry = parsed(demo.storage.get(name));
      if (!demo.isObject(entry) || typeof entry.session_id !== 'string') return;
      self._entries.push(entry);
      if (entry.state !== 'failed') self._submit(entry);
    });
  };

  function parsed(text) {
    try {
      return JSON.parse(text);
      // eslint-disable-next-line no-unused-vars -- ES5 has no catch without a name
    } catch (error) {
      return null;
    }
  }

  Outbox.prototype._keep = function (entry) {
    demo.storage.set(this._place + entry.client_msg_id, JSON.stringify(entry));
  };

  Outbox.prototype._drop = function (entry) {
    this._entries.splice(this._entries.indexOf(entry), 1);
    demo.storage.set(this._place + entry.client_msg_id, '');
  };

  Outbox.prototype.of = function (sessionId) {
    return this._entries.filter(function (entry) {
      return entry.session_id === sessionId;
    });
  };

  Outbox.prototype.send = function (sessionId, message) {
    var entry = {
      session_id: sessionId,
      type: message.type,
      content: message.content,
      reply_to: message.quote ? message.quote.id : null,
      quote: message.quote || null,
      client_msg_id: newId(),
      state: 'sending',
      problem: '',
    };
    this._entries.push(entry);
    this._submit(entry);
  };

  // Under the same id: should the first attempt have been stored after all, it stays one message.
  Outbox.prototype.retry = function (id) {
    var entry = this._find(id);
    if (entry) this._submit(entry);
  };

  Outbox.prototype.discard = function (id) {
    var entry = this._find(id);
    if (!entry) return;
    this._drop(entry);
    this._handlers.onChange(entry.session_id);
  };

  Outbox.prototype._submit = function (entry) {
    var self = this;
    entry.state = 'sending';
    this._keep(entry);
    this._handlers.onChange(entry.session_id);
    var sent = {
      session_id: entry.session_id,
      type: entry.type,
      content: entry.content,
      reply_to: entry.reply_to,
      client_msg_id: entry.client_msg_id,
    };
    this._client
      .send(sent)
      .done(function (message) {
        self._drop(entry);
        self._handlers.onStored(message);
        self._handlers.onChange(entry.session_id);
      })
      .fail(function (error) {
        entry.state = 'failed';
        entry.problem = demo.failureText(error);
        self._keep(entry);
        self._handlers.onChange(entry.session_id);
      });
  };

  Outbox.prototype._find = function (id) {
    return this._entries.filter(function (entry) {
      return entry.client_msg_id === id;
    })[0];
  };

  function newId() {
    var text = 'demo-' + new Date().getTime().toString(36);
    for (var i = 0; i < 4; i++) text += '-' + Math.random().toString(36).slice(2, 8);
    return text;
  }

  demo.Outbox = Outbox;
})(window);

// One session on the page: its messages, who reads and types, its open topic, and what is written here.
(function (window) {
  'use strict';

  var document = window.document;
  var demo = window.IMDemo;
  var PAGE = 40;
  // A `typing` that is not taken back ends by itself.
  var TYPING_LASTS_MS = 8000;

  // options: {client, outbox, composer, root, me, sessionId, onSession(session), onRead(sessionId), onTopic(topic or null, session)}
  function Conversation(options) {
    var self = this;
    var part = function (name) {
      return options.root.querySelector('[data-part="' + name + '"]');
    };
    this.options = options;
    this.sessionId = options.sessionId;
    this.session = null;
    this.people = new demo.People(options.me);
    // undefined: not known yet; null: the session never had one.
    this.topic = undefined;
    this._closed = false;
    this._loading = false;
    this._loaded = false;
    this._readUpTo = 0;
    this._typists = {};
    this._subtitle = part('subtitle');
    this._title = part('title');
    this._jump = part('jump');
    this._unseen = 0;
    this.list = new demo.MessageList({
      scroller: part('messages'),
      list: part('list'),
      people: this.people,
      onScroll: function () {
        if (self.list.nearTop()) self._older();
        self.seen();
      },
      onOlder: function () {
        self._older();
      },
      onRetry: function (id) {
        options.outbox.retry(id);
      },
      onDiscard: function (id) {
        options.outbox.discard(id);
      },
    });
    this._see = function () {
      self.seen();
    };
    this._jump.onclick = function () {
      self.list.toEnd();
      self.seen();
    };
    document.addEventListener('visibilitychange', this._see, false);
    window.addEventListener('focus', this._see, false);
  }

  // Loads the session, its topic and its newest messages. To be called when the client has logged in: what comes later
  // arrives by itself.
  Conversation.prototype.open = function () {
    var self = this;
    this.options.composer.use(this.sessionId);
    this.list.setEntries(this.options.outbox.of(this.sessionId));
    this._loading = true;
    this.list.busy(true);
    return this.refresh().done(function () {
      if (self._closed) return;
      self._loading = false;
      self.list.markAfter(self.people.ownReadTime());
      self._load(undefined);
    });
  };

  Conversation.prototype.close = function () {
    this._closed = true;
    document.removeEventListener('visibilitychange', this._see, false);
    window.removeEventListener('focus', this._see, false);
    this.list.close();
    this._jump.hidden = true;
  };

  // What is told by events that a lost connection loses: participants, how far they have read, the topic.
  Conversation.prototype.refresh = function () {
    var self = this;
    var client = this.options.client;
    this._refreshTopic();
    return client.sessions.get(this.sessionId).done(function (session) {
      if (self._closed) return;
      self.session = session;
      self.people.set(session.participants);
      self.list.options.list.classList.toggle('two-party', session.participants.length <= 2);
      self.list.redraw();
      self._heading();
      self._showTopic();
      self.options.onSession(session);
    });
  };

  Conversation.prototype._refreshTopic = function () {
    var self = this;
    var query = { session_id: this.sessionId, limit: 1 };
    this.options.client.sessions.topics(query).done(function (page) {
      if (!self._closed) self._setTopic(page.items[0] || null);
    });
  };

  Conversation.prototype._setTopic = function (topic) {
    this.topic = topic;
    this._showTopic();
  };

  Conversation.prototype._showTopic = function () {
    if (this.session && this.topic !== undefined) this.options.onTopic(this.topic, this.session);
  };

  // ---- History ----------------------------------------------------------------------------------------------

  Conversation.prototype._older = function () {
    var first = this.list.messages[0];
    if (!this._loaded) this._load(undefined);
    else if (this.list.more && first) this._load(first.id);
  };

  Conversation.prototype._load = function (before) {
    var self = this;
    if (this._loading) return;
    this._loading = true;
    this.list.busy(true);
    this.options.client
      .history({ session_id: this.sessionId, before: before, limit: PAGE })
      .done(function (page) {
        if (self._closed) return;
        self.list.more = page.more;
        self._loaded = true;
        self._loading = false;
        self.list.add(page.items);
        self.list.busy(false);
        self.seen();
      })
      .fail(function () {
        if (self._closed) return;
        self._loading = false;
        self.list.failed();
        demo.toast('消息加载失败');
      });
  };

  // ---- What arrives -----------------------------------------------------------------------------------------

  Conversation.prototype.message = function (message) {
    if (this.list.has(message.id)) return;
    var mine = message.sender_id === this.options.me.id;
    var looking = this.list.atEnd() && !document.hidden;
    var last = this.list.messages[this.list.messages.length - 1];
    if (!mine && !looking) {
      if (this._unseen === 0 && last) this.list.markAfter(last.timestamp);
      this._unseen += 1;
    }
    this._stopTyping(message.sender_id);
    this.list.add([message]);
    this.seen();
  };

  Conversation.prototype.outboxChanged = function () {
    this.list.setEntries(this.options.outbox.of(this.sessionId));
  };

  Conversation.prototype.read = function (data) {
    this.people.read(data.user_id, data.message_id);
    this.list.receipts();
  };

  Conversation.prototype.participants = function (items) {
    this.people.set(items);
    this.list.redraw();
    this._heading();
  };

  Conversation.prototype.topicChanged = function (topic) {
    var older = this.topic && topic.id !== this.topic.id && topic.create_time < this.topic.create_time;
    if (!older) this._setTopic(topic);
  };

  Conversation.prototype.typing = function (data) {
    var self = this;
    if (data.user_id === this.options.me.id) return;
    this._stopTyping(data.user_id);
    if (!data.typing) return;
    var stop = function () {
      self._stopTyping(data.user_id);
    };
    this._typists[demo.key(data.user_id)] = {
      name: this.people.find(data.user_id).name,
      timer: setTimeout(stop, TYPING_LASTS_MS),
    };
    this._heading();
  };

  Conversation.prototype._stopTyping = function (userId) {
    var known = this._typists[demo.key(userId)];
    if (!known) return;
    clearTimeout(known.timer);
    delete this._typists[demo.key(userId)];
    this._heading();
  };

  // ---- What is shown ----------------------------------------------------------------------------------------

  Conversation.prototype._heading = function () {
    if (this._closed || !this.session) return;
    var typists = this._typists;
    var others = this.people.others();
    var names = Object.keys(typists).map(function (id) {
      return typists[id].name;
    });
    var text;
    if (names.length > 0) text = (others.length > 1 ? names.join('、') : '对方') + '正在输入…';
    else {
      text = others
        .map(function (person) {
          return person.name;
        })
        .join('、');
    }
    this._title.textContent = this.session.name;
    this._subtitle.textContent = text;
    this._subtitle.classList.toggle('typing', names.length > 0);
  };

  // Whoever looks at the end of the list has seen all.
  Conversation.prototype.seen = function () {
    if (this._closed) return;
    if (this.list.atEnd() && !document.hidden) this._saw();
    this._jump.hidden = this.list.atEnd();
    this._jump.querySelector('span').textContent = this._unseen > 0 ? this._unseen + ' 条新消息' : '回到最新';
  };

  Conversation.prototype._saw = function () {
    var me = this.options.me.id;
    var theirs = this.list.messages.filter(function (message) {
      return message.sender_id !== me;
    });
    var newest = theirs[theirs.length - 1];
    this._unseen = 0;
    if (!this._loaded || !newest || newest.id <= this._readUpTo) return;
    this._readUpTo = newest.id;
    if (newest.timestamp > this.people.ownReadTime()) this.options.client.markRead(newest.id, this.sessionId);
    this.options.onRead(this.sessionId);
  };

  Conversation.prototype.send = function (message) {
    this.list.toEnd();
    this.options.outbox.send(this.sessionId, message);
    this.list.toEnd();
  };

  Conversation.prototype.sayTyping = function (typing) {
    this.options.client.typing(typing, this.sessionId);
  };

  demo.Conversation = Conversation;
})(window);

// One session on the page: its messages, who reads and types, its open topic, and what is written here.
(function (window) {
  'use strict';

  var document = window.document;
  var demo = window.IMDemo;

  // options: {client, outbox, composer, root, me, sessionId, onSession(session), onRead(sessionId, unread left),
  //   onTopic(topic or null, session), onRecalled(data of the event `recall`)}
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
    // The newest message that arrived since the session was opened; null: none did.
    this._arrived = null;
    this._topics = {};
    this._inOrder = demo.inOrder();
    this._heading = new demo.Heading(part('title'), part('subtitle'), this.people);
    this._jump = part('jump');
    this.reading = new demo.Reading(options.client, this.sessionId, this.people, function (unread) {
      options.onRead(self.sessionId, unread);
      if (!self._closed) self._showJump();
    });
    this.actions = new demo.MessageActions({
      client: options.client,
      sessionId: this.sessionId,
      me: options.me,
      composer: options.composer,
      limitMs: Number(document.body.getAttribute('data-recall-ms')),
      onRecalled: options.onRecalled,
    });
    this.list = new demo.MessageList({
      scroller: part('messages'),
      list: part('list'),
      people: this.people,
      topicOf: function (id) {
        return self._topicOf(id);
      },
      onScroll: function () {
        if (self.list.nearTop()) self.history.older();
        else if (self.list.below && self.list.nearBottom()) self.history.newer();
        self.seen();
      },
      onOlder: function () {
        self.history.older();
      },
      onNewer: function () {
        self.history.newer();
      },
      onQuote: function (id) {
        self.history.to(id);
      },
      rewriteOf: function (message) {
        return self.actions.rewriteOf(message);
      },
      actionsOf: function (message) {
        return self.actions.of(message);
      },
      onRetry: function (id) {
        // What is sent again stands at the end.
        if (options.outbox.retry(id, self._newest())) self.history.toNewest();
      },
      onDiscard: function (id) {
        options.outbox.discard(id);
      },
    });
    this._see = function () {
      self.seen();
    };
    this.history = new demo.History({
      client: options.client,
      sessionId: this.sessionId,
      list: this.list,
      reading: this.reading,
      onShown: this._see,
    });
    this._jump.onclick = function () {
      self.history.toNewest();
      part('messages').focus({ preventScroll: true });
    };
    this._jump.onblur = function () {
      if (!self._closed) self._showJump();
    };
    this._endDays = demo.time.onNewDay(function () {
      self.list.arrange();
    });
    document.addEventListener('visibilitychange', this._see, false);
    window.addEventListener('focus', this._see, false);
  }

  // Loads the session, its topics and its messages: the first unread ones where there are any, else the newest. To be
  // called when the client has logged in: what comes later arrives by itself.
  Conversation.prototype.open = function () {
    var self = this;
    this.options.composer.use(this.sessionId);
    this.list.setEntries(this.options.outbox.of(this.sessionId));
    this.list.busy(true);
    return this.refresh().done(function () {
      if (!self._closed) self.history.begin();
    });
  };

  Conversation.prototype.close = function () {
    this._closed = true;
    this.history.close();
    this._endDays();
    document.removeEventListener('visibilitychange', this._see, false);
    window.removeEventListener('focus', this._see, false);
    this.list.close();
    this._heading.close();
    this._jump.hidden = true;
  };

  // What is told by events that a lost connection loses: participants, how far they have read, the topic.
  Conversation.prototype.refresh = function () {
    var self = this;
    var take = this._inOrder('session', function (session) {
      if (self._closed) return;
      self.session = session;
      self.people.set(session.participants);
      self.list.options.list.classList.toggle('two-party', session.participants.length <= 2);
      self.list.redraw();
      self._heading.show(session);
      self._showTopic();
      self.options.onSession(session);
    });
    var session = this.options.client.sessions.get(this.sessionId).done(take);
    return window.jQuery.when(session, this._refreshTopic());
  };

  Conversation.prototype._refreshTopic = function () {
    var self = this;
    var query = { session_id: this.sessionId, limit: 50 };
    var take = this._inOrder('topics', function (page) {
      if (self._closed) return;
      page.items.forEach(function (topic) {
        self._topics[demo.key(topic.id)] = topic;
      });
      self._setTopic(page.items[0] || null);
      self.list.redraw(6);
    });
    return this.options.client.sessions.topics(query).done(take);
  };

  // A topic of this session's, for what stands at its start. One that is older than those that were listed is asked for.
  Conversation.prototype._topicOf = function (id) {
    var self = this;
    var known = this._topics[demo.key(id)];
    if (known === undefined && this.topic !== undefined) {
      this._topics[demo.key(id)] = null;
      this.options.client.sessions.topic(id).done(function (topic) {
        self._topics[demo.key(id)] = topic;
        if (!self._closed) self.list.redraw(6);
      });
    }
    return known || null;
  };

  Conversation.prototype._setTopic = function (topic) {
    this.topic = topic;
    this._showTopic();
  };

  Conversation.prototype._showTopic = function () {
    if (this.session && this.topic !== undefined) this.options.onTopic(this.topic, this.session);
  };

  // ---- What arrives -----------------------------------------------------------------------------------------

  Conversation.prototype.message = function (message) {
    if (this.list.has(message.id)) return;
    this.reading.arrived(message);
    this._heading.stopTyping(message.sender_id);
    this.stored(message);
  };

  // A message that was stored, maybe one of one's own.
  Conversation.prototype.stored = function (message) {
    this._arrived = Math.max(this._arrived, message.id);
    this.history.arrived(message);
    this.seen();
  };

  // The id of the session's newest message; null: it is not known, for the end of the session is not here.
  Conversation.prototype._newest = function () {
    var last = this.list.messages[this.list.messages.length - 1];
    if (!last || this.list.below) return this._arrived;
    return Math.max(this._arrived, last.id);
  };

  Conversation.prototype.outboxChanged = function () {
    this.list.setEntries(this.options.outbox.of(this.sessionId));
  };

  Conversation.prototype.read = function (data) {
    this.people.read(data.user_id, data.message_id);
    if (data.user_id === this.options.me.id) {
      this.reading.readElsewhere(this.list.messages, data.message_id);
      this._showJump();
    } else this.list.receipts();
  };

  Conversation.prototype.recalled = function (data) {
    this.options.composer.recalled(data.message_id);
    this.history.recalled(data.message_id, data.recalled);
  };

  Conversation.prototype.participants = function (items) {
    this.people.set(items);
    this.list.redraw();
    this._heading.draw();
  };

  Conversation.prototype.topicChanged = function (topic) {
    this._topics[demo.key(topic.id)] = topic;
    this.list.redraw(6);
    var older = this.topic && topic.id !== this.topic.id && topic.create_time < this.topic.create_time;
    if (!older) this._setTopic(topic);
  };

  Conversation.prototype.typing = function (data) {
    this._heading.typing(data.user_id, data.typing);
  };

  // ---- What is shown ----------------------------------------------------------------------------------------

  // What is on the screen has been seen.
  Conversation.prototype.seen = function () {
    if (this._closed) return;
    if (this.history.isLoaded() && !document.hidden) {
      var id = this.list.lastInSight();
      if (id > 0) this.reading.saw(this.list.messages, id);
    }
    this._showJump();
  };

  Conversation.prototype._showJump = function () {
    var unread = this.reading.unread;
    // Not from under whoever stands on it.
    this._jump.hidden = this.list.atEnd() && document.activeElement !== this._jump;
    this._jump.textContent = unread > 0 ? '新消息 ↓ ' + unread : '回到最新 ↓';
  };

  Conversation.prototype.send = function (message) {
    // Whoever answers has read: nothing is new any more.
    this.list.markFrom(null);
    this.history.toNewest();
    this.options.outbox.send(this.sessionId, message, this._newest());
    if (!this.list.below) this.list.toEnd();
  };

  // seconds: how long it plays, where that is known. quote: what it answers to, or null.
  Conversation.prototype.sendFile = function (file, seconds, quote) {
    this.list.markFrom(null);
    this.history.toNewest();
    this.options.outbox.sendFile(this.sessionId, file, seconds, quote, this._newest());
    if (!this.list.below) this.list.toEnd();
  };

  Conversation.prototype.find = function () {
    var history = this.history;
    demo.finder.open(this.options.client, this.sessionId, function (id) {
      history.to(id);
    });
  };

  Conversation.prototype.sayTyping = function (typing) {
    this.options.client.typing(typing, this.sessionId);
  };

  demo.Conversation = Conversation;
})(window);

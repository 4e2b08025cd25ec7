// The doctor's sessions: pinned ones first, then by their latest message, to be searched and filtered.
(function (window) {
  'use strict';

  var demo = window.IMDemo;

  // options: {client, me, list, search, filters, states, empty, onOpen(id), onCount(unread), onNames()}
  // `filters` choose by who takes part, `states` by how the consultation stands.
  function SessionList(options) {
    var self = this;
    this.options = options;
    this._byId = {};
    this._topics = {};
    this._filter = '';
    this._state = '';
    this._current = null;
    this._items = {};
    this._inOrder = demo.inOrder();
    // Nothing moves from under a finger: it would open another session than the one that was meant, or none.
    this.show = demo.unpressed(options.list, function () {
      self._draw();
    });
    demo.time.onNewDay(this.show);
    this.members = new demo.Members(options.client, options.me, function () {
      self._showSoon();
      options.onNames();
    });
    options.search.addEventListener('input', function () {
      self.show();
    });
    Array.prototype.forEach.call(options.filters, function (button) {
      button.onclick = function () {
        self._filter = button.getAttribute('data-filter');
        press(options.filters, button);
        self.show();
      };
    });
    // Pressed again, all states are shown again.
    Array.prototype.forEach.call(options.states, function (button) {
      button.onclick = function () {
        var state = button.getAttribute('data-state');
        self._state = self._state === state ? '' : state;
        press(options.states, self._state ? button : null);
        self.show();
      };
    });
  }

  function press(buttons, pressed) {
    Array.prototype.forEach.call(buttons, function (each) {
      each.setAttribute('aria-pressed', each === pressed ? 'true' : 'false');
    });
  }

  // All pages of the list, and the open topics. What the server says replaces what was counted here, but not what has come
  // since it looked. Gives back a promise.
  SessionList.prototype.load = function () {
    var self = this;
    var loaded = window.jQuery.Deferred();
    var found = {};
    var take = function (session) {
      var known = self.get(session.id);
      var newer = known && known.last_message_time > session.last_message_time;
      found[demo.key(session.id)] = newer ? known : session;
    };
    var done = this._inOrder('sessions', function () {
      self._byId = found;
      self.members.learn(self._sorted());
      self.show();
      self.options.onNames();
    });
    var page = function (cursor) {
      self.options.client.sessions
        .list({ limit: 200, cursor: cursor })
        .done(function (answer) {
          answer.items.forEach(take);
          if (answer.next) return page(answer.next);
          done();
          loaded.resolve();
        })
        .fail(loaded.reject);
    };
    page(undefined);
    this._loadTopics();
    return loaded.promise();
  };

  // The newest consultations, and all that are open, however long they have waited: for the badges, the filter and the search.
  SessionList.prototype._loadTopics = function () {
    var self = this;
    var found = [];
    var take = this._inOrder('topics', function () {
      self._topics = {};
      found.reverse().forEach(function (topic) {
        self._remember(topic);
      });
      self.show();
    });
    var page = function (status, cursor) {
      self.options.client.sessions
        .topics({ status: status, limit: 200, cursor: cursor })
        .done(function (answer) {
          found = found.concat(answer.items);
          if (answer.next) page(0, status === 0 ? answer.next : undefined);
          else take();
        });
    };
    page();
  };

  // `latest` is the session's last topic, `byId` has all that are known.
  SessionList.prototype._remember = function (topic) {
    var id = demo.key(topic.session_id);
    var known = this._topics[id] || { latest: null, byId: {} };
    known.byId[demo.key(topic.id)] = topic;
    if (!known.latest || known.latest.create_time <= topic.create_time) known.latest = topic;
    this._topics[id] = known;
  };

  SessionList.prototype._openTopic = function (sessionId) {
    var known = this._topics[demo.key(sessionId)];
    return known && known.latest.status !== 10 ? known.latest : null;
  };

  SessionList.prototype.get = function (id) {
    return this._byId[demo.key(id)];
  };

  SessionList.prototype.select = function (id) {
    this._current = id;
    this.show();
  };

  // The button that opens it, where the list shows it.
  SessionList.prototype.button = function (id) {
    return Array.prototype.filter.call(this.options.list.querySelectorAll('[data-session]'), function (each) {
      return each.getAttribute('data-session') === id;
    })[0];
  };

  SessionList.prototype.topicChanged = function (topic) {
    this._remember(topic);
    this.show();
  };

  // A message of anybody's. `counted`: somebody else says how many are unread.
  SessionList.prototype.message = function (message, counted) {
    var session = this.get(message.session_id);
    if (!session) {
      this.load();
      return;
    }
    if (session.last_message_time && message.timestamp < session.last_message_time) return;
    session.last_sender_id = message.sender_id;
    session.last_sender_name = message.sender_name;
    session.last_content_type = message.type;
    session.last_content = message.content;
    session.last_message_time = message.timestamp;
    if (!counted && message.sender_id !== this.options.me.id) session.unread_count += 1;
    this._showSoon();
  };

  // What the session's last message is now, after one was taken back.
  SessionList.prototype.refresh = function (id) {
    var self = this;
    var take = this._inOrder('session ' + id, function (fresh) {
      var session = self.get(id);
      if (!session || fresh.last_message_time < session.last_message_time) return;
      session.last_content_type = fresh.last_content_type;
      session.last_content = fresh.last_content;
      self._showSoon();
    });
    this.options.client.sessions.get(id).done(take);
  };

  // However many messages come at once, the list is drawn a few times a second.
  SessionList.prototype._showSoon = function () {
    var self = this;
    if (this._timer) return;
    this._timer = setTimeout(function () {
      self._timer = null;
      self.show();
    }, 60);
  };

  SessionList.prototype.unread = function (id, count) {
    var session = this.get(id);
    if (!session || session.unread_count === count) return;
    session.unread_count = count;
    this._showSoon();
  };

  // The user has read there on another device.
  SessionList.prototype.recount = function (id) {
    var self = this;
    var take = this._inOrder('count of ' + id, function (count) {
      self.unread(id, count);
    });
    this.options.client.unreadCount(id).done(take);
  };

  SessionList.prototype._stick = function (session) {
    var self = this;
    var sessions = this.options.client.sessions;
    var wanted = !session.sticky;
    (wanted ? sessions.stick(session.id) : sessions.unstick(session.id))
      .done(function () {
        session.sticky = wanted;
        self.show();
        demo.toast(wanted ? '已置顶' : '已取消置顶');
      })
      .fail(function (error) {
        demo.toast(demo.failureText(error));
      });
  };

  SessionList.prototype._sorted = function () {
    var byId = this._byId;
    var time = function (session) {
      return session.last_message_time || session.create_date;
    };
    return Object.keys(byId)
      .map(function (id) {
        return byId[id];
      })
      .sort(function (a, b) {
        if (a.sticky !== b.sticky) return a.sticky ? -1 : 1;
        return time(a) < time(b) ? 1 : -1;
      });
  };

  SessionList.prototype._draw = function () {
    var self = this;
    var options = this.options;
    var words = options.search.value.trim().toLowerCase();
    var unread = 0;
    var shown = this._sorted().filter(function (session) {
      unread += session.unread_count;
      var kind = session.business_type === 2 ? 'patient' : 'doctor';
      if (self._filter && self._filter !== kind) return false;
      if (self._state && !self._isIn(session, self._state)) return false;
      return self._searched(session).toLowerCase().indexOf(words) >= 0;
    });
    var nodes = shown.map(function (session) {
      return self._item(session).node;
    });
    demo.focus.keep(options.list, function () {
      demo.place(options.list, nodes);
    });
    options.empty.hidden = shown.length > 0;
    options.onCount(unread);
  };

  // What a search looks through: names, members, consultations, and the last message.
  SessionList.prototype._searched = function (session) {
    var topics = this._topicsOf(session).map(function (topic) {
      return topic.name;
    });
    var brief = demo.content.brief(session.last_content_type, session.last_content);
    return [session.name, brief].concat(this.members.of(session.id), topics).join('\n');
  };

  SessionList.prototype._topicsOf = function (session) {
    var known = this._topics[demo.key(session.id)];
    return Object.keys(known ? known.byId : {}).map(function (id) {
      return known.byId[id];
    });
  };

  // Whether one of its consultations is waiting | replied | ended.
  SessionList.prototype._isIn = function (session, state) {
    return this._topicsOf(session).some(function (topic) {
      return demo.topics.stateOf(topic).kind === state;
    });
  };

  // The session's entry, as it is now.
  SessionList.prototype._item = function (session) {
    var self = this;
    var key = demo.key(session.id);
    if (!this._items[key]) {
      this._items[key] = new demo.SessionItem(session.id, this.options.onOpen, function (id) {
        self._stick(self.get(id));
      });
    }
    this._items[key].show(session, {
      name: this.members.titleOf(session),
      topic: this._openTopic(session.id),
      current: session.id === this._current,
    });
    return this._items[key];
  };

  demo.SessionList = SessionList;
})(window);

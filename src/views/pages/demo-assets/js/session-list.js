// The doctor's sessions: pinned ones first, then by their latest message, to be searched and filtered.
(function (window) {
  'use strict';

  var demo = window.IMDemo;
  var el = demo.el;

  // options: {client, me, list, search, filters, empty, onOpen(id), onCount(unread)}
  function SessionList(options) {
    var self = this;
    this.options = options;
    this._byId = {};
    this._topics = {};
    this._filter = '';
    this._current = null;
    options.search.addEventListener('input', function () {
      self.show();
    });
    Array.prototype.forEach.call(options.filters, function (button) {
      button.onclick = function () {
        self._filter = button.getAttribute('data-filter');
        Array.prototype.forEach.call(options.filters, function (each) {
          each.setAttribute('aria-pressed', each === button ? 'true' : 'false');
        });
        self.show();
      };
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
    var page = function (cursor) {
      self.options.client.sessions
        .list({ limit: 200, cursor: cursor })
        .done(function (answer) {
          answer.items.forEach(take);
          if (answer.next) return page(answer.next);
          self._byId = found;
          self.show();
          loaded.resolve();
        })
        .fail(loaded.reject);
    };
    page(undefined);
    this._loadTopics();
    return loaded.promise();
  };

  SessionList.prototype._loadTopics = function () {
    var self = this;
    this.options.client.sessions.topics({ status: 0, limit: 200 }).done(function (page) {
      self._topics = {};
      page.items.forEach(function (topic) {
        self._topics[demo.key(topic.session_id)] = topic;
      });
      self.show();
    });
  };

  SessionList.prototype.get = function (id) {
    return this._byId[demo.key(id)];
  };

  SessionList.prototype.first = function () {
    var sorted = this._sorted();
    return sorted.length > 0 ? sorted[0].id : null;
  };

  SessionList.prototype.select = function (id) {
    this._current = id;
    this.show();
  };

  SessionList.prototype.topicChanged = function (topic) {
    if (topic.status === 10) delete this._topics[demo.key(topic.session_id)];
    else this._topics[demo.key(topic.session_id)] = topic;
    this.show();
  };

  // A message of anybody's. `seen`: the user is looking at it.
  SessionList.prototype.message = function (message, seen) {
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
    if (!seen && message.sender_id !== this.options.me.id) session.unread_count += 1;
    this._showSoon();
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

  SessionList.prototype.read = function (id) {
    var session = this.get(id);
    if (!session || session.unread_count === 0) return;
    session.unread_count = 0;
    this.show();
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

  SessionList.prototype.show = function () {
    var self = this;
    var options = this.options;
    var words = options.search.value.trim().toLowerCase();
    var unread = 0;
    var focused = focusedIn(options.list);
    var shown = this._sorted().filter(function (session) {
      var text = session.name + '\n' + demo.content.brief(session.last_content_type, session.last_content);
      unread += session.unread_count;
      var kind = session.business_type === 2 ? 'patient' : 'doctor';
      return (!self._filter || self._filter === kind) && text.toLowerCase().indexOf(words) >= 0;
    });
    demo.empty(options.list);
    shown.forEach(function (session) {
      options.list.appendChild(self._item(session));
    });
    options.empty.hidden = shown.length > 0;
    options.onCount(unread);
    focusAgain(options.list, focused);
  };

  SessionList.prototype._item = function (session) {
    var self = this;
    var topic = this._topics[demo.key(session.id)];
    var current = session.id === this._current;
    var count = session.unread_count;
    var counted = count > 99 ? '99+' : String(count);
    var brief = session.last_message_time
      ? demo.content.brief(session.last_content_type, session.last_content)
      : '暂无消息';
    var inGroup = session.type !== 2 && session.last_content_type !== 0;
    var sender = inGroup && session.last_sender_name ? session.last_sender_name + '：' : '';
    var time = session.last_message_time;
    var title = el('span', {
      class: 'session-title',
      children: [
        el('span', { class: 'session-name', text: session.name }),
        time ? el('time', { datetime: time, text: demo.time.brief(time) }) : null,
      ],
    });
    var line = el('span', {
      class: 'session-line',
      children: [
        el('span', { class: 'session-brief', text: sender + brief }),
        topic ? demo.topics.badge(topic) : null,
        count ? el('span', { class: 'unread', 'aria-label': count + '条未读', text: counted }) : null,
      ],
    });
    var open = el('button', {
      type: 'button',
      class: 'session-open',
      'data-session': session.id,
      'aria-current': current ? 'true' : null,
      children: [
        demo.avatar({ id: session.id, name: session.name }),
        el('span', { class: 'session-text', children: [title, line] }),
      ],
      on: {
        click: function () {
          self.options.onOpen(session.id);
        },
      },
    });
    var pin = demo.iconButton('pin', session.sticky ? '取消置顶' : '置顶', {
      class: 'session-pin',
      click: function () {
        self._stick(session);
      },
    });
    pin.setAttribute('data-pin', session.id);
    var kind = 'session' + (session.sticky ? ' sticky' : '') + (current ? ' current' : '');
    return el('li', { class: kind, children: [open, pin] });
  };

  // The list is drawn anew: whoever stands on one of its buttons goes on standing there.
  function focusedIn(list) {
    var node = list.ownerDocument.activeElement;
    if (!node || !list.contains(node)) return null;
    var name = node.hasAttribute('data-pin') ? 'data-pin' : 'data-session';
    return { name: name, id: node.getAttribute(name) };
  }

  function focusAgain(list, focused) {
    if (!focused) return;
    Array.prototype.forEach.call(list.querySelectorAll('[' + focused.name + ']'), function (node) {
      if (node.getAttribute(focused.name) === focused.id) node.focus();
    });
  }

  demo.SessionList = SessionList;
})(window);

// The patient's other sessions: a list to choose from, with what is unread there, and a strip that says at once what was
// written or who calls in one of them.
(function (window) {
  'use strict';

  var document = window.document;
  var demo = window.IMDemo;
  var el = demo.el;
  // More sockets than this a page does not open: what comes in further sessions is told by `notification` alone.
  var MOST_LISTENERS = 6;

  function byId(id) {
    return document.getElementById(id);
  }

  // options: {client, user, token, sessions, current (a session's id)}
  function SessionSwitch(options) {
    var self = this;
    this._options = options;
    this._button = byId('sessions-open');
    this._strip = byId('elsewhere');
    this._title = el('strong');
    // What the strip is to tell, and what it shows: under a finger that is still the one before.
    this._told = null;
    this._shown = null;
    this._ringing = null;
    this._update = demo.unpressed(this._strip, function () {
      self._shown = self._told;
      self._draw(self._told);
    });
    this._members = new demo.Members(options.client, options.user, function () {
      self._names();
    });
    this._button.hidden = options.sessions.length < 2;
    this._button.onclick = function () {
      self._choose();
    };
    options.client.on('notification', function (data) {
      self._written(data.message);
    });
    this._members.learn(options.sessions);
    this._listen();
    this._count();
  }

  function addressOf(user, sessionId) {
    return '?user=' + encodeURIComponent(user.id) + '&session=' + encodeURIComponent(sessionId);
  }

  SessionSwitch.prototype._others = function () {
    var current = this._options.current;
    return this._options.sessions.filter(function (session) {
      return session.id !== current;
    });
  };

  SessionSwitch.prototype._find = function (id) {
    return this._options.sessions.filter(function (session) {
      return session.id === id;
    })[0];
  };

  // A call rings at sockets that are bound to its session: so each other session has one.
  SessionSwitch.prototype._listen = function () {
    var self = this;
    var given = this._options;
    this._others()
      .slice(0, MOST_LISTENERS)
      .forEach(function (session) {
        var client = new window.IMClient({
          token: given.token,
          userId: given.user.id,
          userType: given.user.type,
          sessionId: session.id,
        });
        var over = function (data) {
          if (self._ringing === data.call_id) self._hide();
        };
        client.on('call_invite', function (data) {
          self._called(session, data, client);
        });
        client.on('call_taken', over);
        client.on('call_ended', over);
        client.connect();
      });
  };

  SessionSwitch.prototype._written = function (message) {
    var session = this._find(message.session_id);
    if (session) {
      session.unread_count += 1;
      session.last_content = message.content;
      session.last_content_type = message.type;
      this._count();
    }
    if (this._ringing) return;
    var brief = demo.content.brief(message.type, message.content);
    this._tell({
      session: session,
      text: brief,
      action: '查看',
      sessionId: message.session_id,
      reject: null,
    });
  };

  SessionSwitch.prototype._called = function (session, call, client) {
    this._ringing = call.call_id;
    demo.attention.ring(this._titleOf(session));
    this._tell({
      session: session,
      text: '邀请您视频通话',
      action: '去接听',
      sessionId: session.id,
      reject: function () {
        client.callReject(call.call_id);
      },
    });
  };

  // told: {session (undefined: one that the page does not know), text, action, sessionId, reject (or null)}; null: nothing.
  SessionSwitch.prototype._tell = function (told) {
    this._told = told;
    this._update();
  };

  SessionSwitch.prototype._hide = function () {
    if (this._ringing) demo.attention.quiet();
    this._ringing = null;
    this._tell(null);
  };

  SessionSwitch.prototype._draw = function (told) {
    var self = this;
    var user = this._options.user;
    var strip = this._strip;
    if (!told) {
      // Without other sessions at the start there is no such button.
      var beside = this._button.hidden ? document.querySelector('.messages') : this._button;
      if (strip.contains(document.activeElement)) beside.focus();
      strip.hidden = true;
      return;
    }
    var go = el('button', {
      type: 'button',
      class: 'button button-small button-primary',
      'data-key': told.action,
      text: told.action,
      on: {
        click: function () {
          window.location.search = addressOf(user, told.sessionId);
        },
      },
    });
    var leave = function () {
      if (told.reject) told.reject();
      // What came while it was pressed stays.
      if (self._told === told) self._hide();
    };
    var away = told.reject
      ? el('button', {
          type: 'button',
          class: 'button button-small',
          'data-key': 'reject',
          text: '拒绝',
          on: { click: leave },
        })
      : demo.iconButton('close', '关闭提示', { key: 'close', click: leave });
    var words = el('span', {
      class: 'elsewhere-text',
      children: [this._title, el('span', { text: told.text })],
    });
    this._title.textContent = this._titleOf(told.session);
    demo.focus.keep(strip, function () {
      demo.append(demo.empty(strip), [words, go, away]);
    });
    strip.hidden = false;
  };

  SessionSwitch.prototype._count = function () {
    var unread = this._others().reduce(function (sum, session) {
      return sum + session.unread_count;
    }, 0);
    var badge = this._button.querySelector('.unread');
    badge.hidden = unread === 0;
    badge.textContent = unread > 99 ? '99+' : String(unread);
    var label = '切换会话' + (unread > 0 ? '，其他会话有' + unread + '条未读' : '');
    this._button.setAttribute('aria-label', label);
  };

  SessionSwitch.prototype._titleOf = function (session) {
    return session ? this._members.titleOf(session) : '其他会话';
  };

  // The sessions' names, as far as their members are known.
  SessionSwitch.prototype._names = function () {
    var picker = byId('session');
    var members = this._members;
    if (this._shown) this._title.textContent = this._titleOf(this._shown.session);
    if (this._ringing) demo.attention.rename(this._titleOf(this._told.session));
    this._options.sessions.forEach(function (session, index) {
      if (picker.options[index]) picker.options[index].text = members.titleOf(session);
    });
  };

  SessionSwitch.prototype._choose = function () {
    var self = this;
    var current = this._options.current;
    var items = this._options.sessions.map(function (session) {
      return el('li', { children: [self._item(session, session.id === current)] });
    });
    demo.dialog.show('切换会话', [el('ul', { class: 'record switch-list', children: items })]);
  };

  SessionSwitch.prototype._item = function (session, isCurrent) {
    var title = this._members.titleOf(session);
    var count = isCurrent ? 0 : session.unread_count;
    var brief = session.last_message_time
      ? demo.content.brief(session.last_content_type, session.last_content)
      : '暂无消息';
    var words = [
      el('span', { class: 'session-name', text: title }),
      el('span', { class: 'session-brief', text: isCurrent ? '当前会话' : brief }),
    ];
    var badge = count
      ? el('span', { class: 'unread', 'aria-label': count + '条未读', text: String(count) })
      : null;
    return el('a', {
      class: 'switch-item' + (isCurrent ? ' current' : ''),
      href: addressOf(this._options.user, session.id),
      'aria-current': isCurrent ? 'true' : null,
      children: [
        demo.avatar({ id: session.id, name: title }),
        el('span', { class: 'session-text', children: words }),
        badge,
      ],
    });
  };

  demo.SessionSwitch = SessionSwitch;
})(window);

// The patient's other sessions: a list to choose from, with what is unread there, and a strip that says at once what was
// written or who calls in one of them.
(function (window) {
  'use strict';

  var document = window.document;
  var demo = window.IMDemo;
  var el = demo.el;
  // More sockets than this a page does not open: what comes in further sessions is told by `notification` alone.
  var MOST_LISTENERS = 6;
  // What messages change in a session of the list.
  var CHANGING = ['unread_count', 'last_content', 'last_content_type', 'last_message_time'];

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
    this._heard = {};
    this._isLoading = false;
    this._isStale = false;
    this._update = demo.unpressed(this._strip, function () {
      self._shown = self._told;
      self._draw(self._told);
    });
    this._members = new demo.Members(options.client, options.user, this._names.bind(this));
    this._button.onclick = this._choose.bind(this);
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

  function button(text, key, kind, click) {
    var options = { type: 'button', class: 'button button-small ' + kind, 'data-key': key, text: text };
    options.on = { click: click };
    return el('button', options);
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
    var others = this._others();
    // Nobody calls in a session of notices: those come last.
    others.sort(function (a, b) {
      return (a.type === 0 ? 1 : 0) - (b.type === 0 ? 1 : 0);
    });
    others.forEach(function (session) {
      var key = demo.key(session.id);
      if (self._heard[key] || Object.keys(self._heard).length === MOST_LISTENERS) return;
      self._heard[key] = true;
      self._listenTo(session);
    });
  };

  SessionSwitch.prototype._listenTo = function (session) {
    var self = this;
    var given = this._options;
    var client = new window.IMClient({
      token: given.token,
      userId: given.user.id,
      userType: given.user.type,
      sessionId: session.id,
    });
    var over = function (data) {
      if (self._ringing === data.call_id) self._hide();
    };
    client.on('call_invite', this._called.bind(this, session, client));
    client.on('call_taken', over);
    client.on('call_ended', over);
    client.on('read', this._read.bind(this));
    client.on('recall', this._recalled.bind(this));
    client.connect();
  };

  // Asks for the sessions as they are now. What happens meanwhile may be missing in the answer: then it asks again.
  SessionSwitch.prototype._load = function () {
    var self = this;
    this._isStale = this._isLoading;
    if (this._isLoading) return;
    this._isLoading = true;
    this._options.client.sessions
      .list({ limit: 200 })
      .done(function (page) {
        if (!self._isStale) self._take(page.items);
      })
      .always(function () {
        self._isLoading = false;
        if (self._isStale) self._load();
      });
  };

  SessionSwitch.prototype._take = function (items) {
    var self = this;
    var sessions = this._options.sessions;
    items.forEach(function (fresh) {
      var session = self._find(fresh.id) || fresh;
      if (session === fresh) sessions.push(fresh);
      CHANGING.forEach(function (name) {
        session[name] = fresh[name];
      });
    });
    this._members.learn(sessions);
    this._listen();
    this._count();
    this._names();
  };

  SessionSwitch.prototype._written = function (message) {
    var session = this._find(message.session_id);
    if (session) {
      session.unread_count += 1;
      session.last_content = message.content;
      session.last_content_type = message.type;
      session.last_message_time = message.timestamp;
      this._count();
    }
    if (!session || this._isLoading) this._load();
    // The record of a call that was declined here says less than the strip does.
    var told = this._told;
    var isKnown = message.type === 14 && told && told.declined && told.sessionId === message.session_id;
    if (this._ringing || isKnown) return;
    this._tell({
      sender: message.type === 0 ? '系统通知' : String(message.sender_name),
      text: demo.content.brief(message.type, message.content),
      action: '查看',
      sessionId: message.session_id,
      messageId: message.id,
    });
  };

  // In another tab, or on another device.
  SessionSwitch.prototype._read = function (data) {
    var told = this._told;
    if (data.user_id !== this._options.user.id) return;
    this._load();
    if (told && told.sessionId === data.session_id && told.messageId <= data.message_id) this._hide();
  };

  SessionSwitch.prototype._recalled = function (data) {
    var told = this._told;
    this._load();
    if (!told || told.sessionId !== data.session_id || told.messageId !== data.message_id) return;
    told.text = '撤回了一条消息';
    this._update();
  };

  SessionSwitch.prototype._called = function (session, client, call) {
    var id = session.id;
    var reject = client.callReject.bind(client, call.call_id);
    // The call that is open here covers the strip: it could not be answered. The strip tells of it afterwards.
    if (document.querySelector('.call')) {
      reject();
      this._tell({ text: '来电，因您正在通话已婉拒', action: '查看', sessionId: id, declined: true });
      return;
    }
    this._ringing = call.call_id;
    demo.attention.ring(this._members.titleOf(session));
    this._tell({ text: '邀请您视频通话', action: '去接听', sessionId: id, reject: reject });
  };

  // told: {text, action, sessionId; of a message: sender, messageId; of a call: reject() or declined}; null: nothing.
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
      // Without other sessions there is no such button.
      var beside = this._button.hidden ? document.querySelector('.messages') : this._button;
      if (strip.contains(document.activeElement)) beside.focus();
      strip.hidden = true;
      return;
    }
    var go = button(told.action, told.action, 'button-primary', function () {
      window.location.search = addressOf(user, told.sessionId);
    });
    var leave = function () {
      if (told.reject) told.reject();
      // What came while it was pressed stays.
      if (self._told === told) self._hide();
    };
    var away = told.reject
      ? button('拒绝', 'reject', '', leave)
      : demo.iconButton('close', '关闭提示', { key: 'close', click: leave });
    var said = [this._title, el('span', { text: told.text })];
    var words = el('span', { class: 'elsewhere-text', children: said });
    this._title.textContent = this._titleOf(told);
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
    this._button.hidden = this._options.sessions.length < 2;
    badge.hidden = unread === 0;
    badge.textContent = unread > 99 ? '99+' : String(unread);
    var label = '切换会话' + (unread > 0 ? '，其他会话有' + unread + '条未读' : '');
    this._button.setAttribute('aria-label', label);
  };

  // A session that was made just now bears its sender's name until the list says more.
  SessionSwitch.prototype._titleOf = function (told) {
    var session = this._find(told.sessionId);
    return session ? this._members.titleOf(session) : told.sender;
  };

  // The sessions' names, as far as their members are known.
  SessionSwitch.prototype._names = function () {
    var picker = byId('session');
    var members = this._members;
    if (this._shown) this._title.textContent = this._titleOf(this._shown);
    if (this._ringing) demo.attention.rename(this._titleOf(this._told));
    this._options.sessions.forEach(function (session, index) {
      if (!picker.options[index]) picker.add(new window.Option('', session.id));
      picker.options[index].text = members.titleOf(session);
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

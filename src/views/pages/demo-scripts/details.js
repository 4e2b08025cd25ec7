// Beside a conversation: who takes part and is there now, and the session's consultations.
(function (window) {
  'use strict';

  var document = window.document;
  var demo = window.IMDemo;
  var el = demo.el;
  // Nobody tells who comes and goes, so the panel asks.
  var LOOK_EVERY_MS = 15000;

  // root holds the parts `participants` and `topics`.
  function Details(root, client) {
    var self = this;
    this._client = client;
    this._root = root;
    this._participants = root.querySelector('[data-part="participants"]');
    this._topics = root.querySelector('[data-part="topics"]');
    this._sessionId = null;
    this._people = null;
    this._states = {};
    this._inOrder = demo.inOrder();
    this._items = [];
    this._showTopics = demo.unpressed(this._topics, function () {
      self._drawTopics();
    });
    setInterval(function () {
      if (!document.hidden && self._root.offsetParent !== null) self._look();
    }, LOOK_EVERY_MS);
  }

  // The participants, as they are now.
  Details.prototype.show = function (session, people) {
    var self = this;
    this._sessionId = session.id;
    this._people = people;
    this._states = {};
    demo.empty(this._participants);
    people.items.forEach(function (person) {
      var state = el('span', { class: 'presence' });
      var tags = [el('span', { class: 'role role-' + person.type, text: people.roleOf(person) })];
      if (person.role === 1) tags.push(el('span', { class: 'role', text: '负责人' }));
      var name = el('span', { class: 'person-name', children: [String(person.name)].concat(tags) });
      var text = el('span', { class: 'person-text', children: [name, state] });
      self._states[demo.key(person.id)] = state;
      self._participants.appendChild(el('li', { class: 'person', children: [demo.avatar(person), text] }));
    });
    this._look();
    this.topics();
  };

  Details.prototype._look = function () {
    var self = this;
    if (!this._people) return;
    this._people.items.forEach(function (person) {
      self._presence(person);
    });
  };

  Details.prototype._presence = function (person) {
    var node = this._states[demo.key(person.id)];
    var take = this._inOrder('status of ' + person.id, function (status) {
      var last = status.last_active_time;
      node.textContent = status.online ? '在线' : last ? '最近活跃 ' + demo.time.brief(last) : '不在线';
      node.classList.toggle('presence-online', status.online);
    });
    this._client.users.status(person.id).done(take);
  };

  // Who writes, types or reads may have just come; or the platform's backend wrote for them.
  Details.prototype.alive = function (sessionId, userId) {
    var node = sessionId === this._sessionId ? this._states[demo.key(userId)] : undefined;
    if (node && !node.classList.contains('presence-online')) this._presence(this._people.find(userId));
  };

  Details.prototype.topics = function () {
    var self = this;
    var sessionId = this._sessionId;
    if (!sessionId) return;
    var take = this._inOrder('topics', function (page) {
      if (sessionId !== self._sessionId) return;
      self._items = page.items;
      self._showTopics();
    });
    this._client.sessions.topics({ session_id: sessionId, limit: 20 }).done(take);
  };

  Details.prototype._drawTopics = function () {
    var self = this;
    var entries = this._items.map(function (topic) {
      return demo.records.item(topic, function () {
        demo.records.show(self._client, topic, self._people);
      });
    });
    if (entries.length === 0) entries.push(el('li', { class: 'none', text: '还没有咨询' }));
    demo.focus.keep(this._topics, function () {
      demo.append(demo.empty(self._topics), entries);
    });
  };

  demo.Details = Details;
})(window);

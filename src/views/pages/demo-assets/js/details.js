// Beside a conversation: who takes part and is there, and the session's consultations.
(function (window) {
  'use strict';

  var demo = window.IMDemo;
  var el = demo.el;

  // root holds the parts `participants` and `topics`.
  function Details(root, client) {
    this._client = client;
    this._participants = root.querySelector('[data-part="participants"]');
    this._topics = root.querySelector('[data-part="topics"]');
    this._sessionId = null;
  }

  Details.prototype.show = function (session, people) {
    var self = this;
    this._sessionId = session.id;
    demo.empty(this._participants);
    people.items.forEach(function (person) {
      var state = el('span', { class: 'presence' });
      var tags = [el('span', { class: 'role role-' + person.type, text: people.roleOf(person) })];
      if (person.role === 1) tags.push(el('span', { class: 'role', text: '负责人' }));
      var name = el('span', { class: 'person-name', children: [String(person.name)].concat(tags) });
      var text = el('span', { class: 'person-text', children: [name, state] });
      self._participants.appendChild(el('li', { class: 'person', children: [demo.avatar(person), text] }));
      self._presence(session.id, person, state);
    });
    this.topics();
  };

  Details.prototype._presence = function (sessionId, person, node) {
    var self = this;
    this._client.users.status(person.id).done(function (status) {
      if (self._sessionId !== sessionId) return;
      var last = status.last_active_time;
      var away = last ? '最近活跃 ' + demo.time.brief(last) : '从未登录';
      node.textContent = status.online ? '在线' : away;
      node.classList.toggle('presence-online', status.online);
    });
  };

  Details.prototype.topics = function () {
    var self = this;
    var sessionId = this._sessionId;
    if (!sessionId) return;
    this._client.sessions.topics({ session_id: sessionId, limit: 20 }).done(function (page) {
      if (self._sessionId !== sessionId) return;
      demo.empty(self._topics);
      page.items.forEach(function (topic) {
        var name = el('span', { class: 'topic-name', text: topic.name });
        var time = el('time', { datetime: topic.create_time, text: demo.time.day(topic.create_time) });
        var line = el('span', { class: 'topic-line', children: [time, demo.topics.badge(topic)] });
        self._topics.appendChild(el('li', { class: 'topic-item', children: [name, line] }));
      });
      if (page.items.length === 0) {
        self._topics.appendChild(el('li', { class: 'none', text: '还没有咨询' }));
      }
    });
  };

  demo.Details = Details;
})(window);

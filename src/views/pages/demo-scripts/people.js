// The participants of a session: their faces, and how far each has read.
(function (window) {
  'use strict';

  var demo = window.IMDemo;
  var el = demo.el;
  var COLOURS = 6;

  // 王建国 → 建国, Ann Lee → AL. Whole characters, for an emoji takes two units.
  function initials(name) {
    var text = String(name).replace(/\s+/g, ' ').trim();
    var words = text.split(' ');
    var characters = text.match(/[\ud800-\udbff][\udc00-\udfff]|[\s\S]/g) || ['?'];
    if (/^[\x20-\x7e]+$/.test(text)) {
      return (text.charAt(0) + (words.length > 1 ? words[words.length - 1].charAt(0) : '')).toUpperCase();
    }
    return characters.slice(-2).join('');
  }

  function colourOf(id) {
    var sum = 0;
    for (var i = 0; i < id.length; i++) sum = (sum * 33 + id.charCodeAt(i)) % 65521;
    return sum % COLOURS;
  }

  // Decoration: the name stands beside it. A picture that does not load leaves the initials.
  function avatar(person, size) {
    var url = demo.httpUrl(person.avatar);
    var colour = colourOf(String(person.id));
    var node = el('span', {
      class: 'avatar avatar-' + colour + (size ? ' avatar-' + size : ''),
      'aria-hidden': 'true',
      text: initials(person.name),
    });
    if (url) {
      var image = el('img', { src: url, alt: '', class: 'avatar-image' });
      image.onerror = function () {
        node.removeChild(image);
      };
      node.appendChild(image);
    }
    return node;
  }

  function People(me) {
    this.me = me;
    this._byId = {};
    // Up to which message's id each has read since; kept apart, for it can be told before the participants are.
    this._readIds = {};
    this.items = [];
  }

  // Participants as the API lists them. What is known of their reading never goes back.
  People.prototype.set = function (items) {
    var before = this._byId;
    var known = {};
    this.items = items;
    items.forEach(function (item) {
      var old = before[demo.key(item.id)];
      var readTime = item.last_fetch_time || '';
      known[demo.key(item.id)] = {
        person: item,
        readTime: old && old.readTime > readTime ? old.readTime : readTime,
      };
    });
    this._byId = known;
  };

  People.prototype.read = function (userId, messageId) {
    var id = demo.key(userId);
    if (messageId > this._readUpTo(id)) this._readIds[id] = messageId;
  };

  People.prototype._readUpTo = function (id) {
    return this._readIds[id] || 0;
  };

  // A sender who has left, or the platform itself, is known by the message alone.
  People.prototype.find = function (id, name) {
    var entry = this._byId[demo.key(id)];
    return entry ? entry.person : { id: id, name: name || id, avatar: null, type: null };
  };

  People.prototype.others = function () {
    var me = this.me;
    return this.items.filter(function (item) {
      return item.id !== me.id;
    });
  };

  // Up to where this user had read when the participants were listed.
  People.prototype.ownReadTime = function () {
    var entry = this._byId[demo.key(this.me.id)];
    return entry ? entry.readTime : '';
  };

  // 已读 and the like, for a message of one's own.
  People.prototype.receipt = function (message) {
    var self = this;
    var others = this.others();
    var count = others.filter(function (item) {
      var id = demo.key(item.id);
      return message.timestamp <= self._byId[id].readTime || message.id <= self._readUpTo(id);
    }).length;
    if (others.length === 0) return '';
    if (count === 0) return '未读';
    if (count === others.length) return others.length > 1 ? '全部已读' : '已读';
    return count + '人已读';
  };

  // What the session is called on the page: one between two bears the other one's name.
  People.prototype.titleOf = function (session) {
    var others = this.others();
    return session.type === 2 && others.length === 1 ? String(others[0].name) : session.name;
  };

  People.prototype.roleOf = function (person) {
    return person.type === 'doctor' ? '医生' : person.type === 'patient' ? '患者' : '';
  };

  demo.avatar = avatar;
  demo.People = People;
})(window);

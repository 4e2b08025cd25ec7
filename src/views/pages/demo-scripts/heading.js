// What stands above a conversation: its title, and who takes part or types.
(function (window) {
  'use strict';

  var demo = window.IMDemo;
  // A `typing` that is not taken back ends by itself.
  var TYPING_LASTS_MS = 8000;

  // title and subtitle are elements.
  function Heading(title, subtitle, people) {
    this._title = title;
    this._subtitle = subtitle;
    this._people = people;
    this._session = null;
    this._closed = false;
    this._typists = {};
  }

  Heading.prototype.close = function () {
    this._closed = true;
  };

  Heading.prototype.show = function (session) {
    this._session = session;
    this.draw();
  };

  Heading.prototype.typing = function (userId, typing) {
    var self = this;
    if (userId === this._people.me.id) return;
    this.stopTyping(userId);
    if (!typing) return;
    var stop = function () {
      self.stopTyping(userId);
    };
    this._typists[demo.key(userId)] = {
      name: this._people.find(userId).name,
      timer: setTimeout(stop, TYPING_LASTS_MS),
    };
    this.draw();
  };

  Heading.prototype.stopTyping = function (userId) {
    var known = this._typists[demo.key(userId)];
    if (!known) return;
    clearTimeout(known.timer);
    delete this._typists[demo.key(userId)];
    this.draw();
  };

  Heading.prototype.draw = function () {
    if (this._closed || !this._session) return;
    var typists = this._typists;
    var others = this._people.others();
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
    this._title.textContent = this._people.titleOf(this._session);
    this._subtitle.textContent = text;
    this._subtitle.classList.toggle('typing', names.length > 0);
  };

  demo.Heading = Heading;
})(window);

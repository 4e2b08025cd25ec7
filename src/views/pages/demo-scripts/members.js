// Who takes part in the sessions of a list: so that one between two bears the other one's name, and that a search finds
// people. Asked for one session after the other, in the background.
(function (window) {
  'use strict';

  var demo = window.IMDemo;

  // onKnown(): more is known.
  function Members(client, me, onKnown) {
    this._client = client;
    this._me = me;
    this._onKnown = onKnown;
    this._names = {};
    this._queue = [];
    this._busy = false;
  }

  // Sessions between two first: their names wait for this.
  Members.prototype.learn = function (sessions) {
    var self = this;
    var wanted = sessions.filter(function (session) {
      return self._names[demo.key(session.id)] === undefined;
    });
    wanted.sort(function (a, b) {
      return (b.type === 2 ? 1 : 0) - (a.type === 2 ? 1 : 0);
    });
    this._queue = wanted.map(function (session) {
      return session.id;
    });
    this._next();
  };

  // The participants of a session have changed.
  Members.prototype.set = function (sessionId, items) {
    var me = this._me;
    this._names[demo.key(sessionId)] = items
      .filter(function (item) {
        return item.id !== me.id;
      })
      .map(function (item) {
        return String(item.name);
      });
    this._onKnown();
  };

  Members.prototype._next = function () {
    var self = this;
    var id = this._queue.shift();
    if (this._busy || id === undefined) return;
    this._busy = true;
    this._client.sessions
      .participants(id)
      .done(function (page) {
        // What an event told meanwhile is newer.
        if (self._names[demo.key(id)] === undefined) self.set(id, page.items);
      })
      .always(function () {
        self._busy = false;
        self._next();
      });
  };

  // The names of the others; [] while they are not known.
  Members.prototype.of = function (sessionId) {
    return this._names[demo.key(sessionId)] || [];
  };

  Members.prototype.titleOf = function (session) {
    var names = this.of(session.id);
    return session.type === 2 && names.length === 1 ? names[0] : session.name;
  };

  demo.Members = Members;
})(window);

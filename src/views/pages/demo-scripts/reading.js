// How far the user has read a session: up to what stood on the screen, and no further.
(function (window) {
  'use strict';

  var demo = window.IMDemo;

  // onRead(unread): how many messages of others are left.
  function Reading(client, sessionId, people, onRead) {
    this._client = client;
    this._sessionId = sessionId;
    this._people = people;
    this._onRead = onRead;
    this._inOrder = demo.inOrder();
    // Up to which message all is read, and those of others above it: their number, and the ids that are known of them.
    this._upTo = 0;
    this.unread = 0;
    // The first unread message when the session was opened; null: there was none.
    this.first = null;
  }

  // Asks where the unread messages begin, and how many they are.
  Reading.prototype.begin = function () {
    var self = this;
    var client = this._client;
    var begun = window.jQuery.Deferred();
    client.sessions
      .unreadMessages(this._sessionId, { limit: 1 })
      .done(function (page) {
        if (page.items.length === 0) return begun.resolve();
        client
          .unreadCount(self._sessionId)
          .done(function (count) {
            self.first = page.items[0].id;
            self._upTo = self.first - 1;
            self.unread = Math.max(1, count);
            begun.resolve();
          })
          .fail(begun.reject);
      })
      .fail(begun.reject);
    return begun.promise();
  };

  Reading.prototype._isTheirs = function (message) {
    return message.sender_id !== this._people.me.id;
  };

  // Where nothing was unread, all of `messages` is read but for what came since.
  Reading.prototype.loaded = function (messages) {
    var self = this;
    var time = this._people.ownReadTime();
    var theirs = messages.filter(function (message) {
      if (self._isTheirs(message) && message.timestamp > time) return true;
      self._upTo = message.id;
      return false;
    });
    this.unread = theirs.length;
  };

  Reading.prototype.arrived = function (message) {
    if (this._isTheirs(message) && message.id > this._upTo) this.unread += 1;
  };

  // The user has seen all of `messages`, which are in order, up to `id`.
  Reading.prototype.saw = function (messages, id) {
    var newest = this._count(messages, id);
    if (newest) this._client.markRead(newest.id, this._sessionId);
  };

  // The user has read up to `id` elsewhere.
  Reading.prototype.readElsewhere = function (messages, id) {
    var last = messages[messages.length - 1];
    if (this._count(messages, id) && last && last.id >= id) return;
    if (last && last.id < id) this._recount(id);
  };

  // Takes those up to `id` off. Gives back the newest of them, if there was any.
  Reading.prototype._count = function (messages, id) {
    var newest = null;
    if (id <= this._upTo) return null;
    for (var i = messages.length - 1; i >= 0 && messages[i].id > this._upTo; i--) {
      if (messages[i].id > id || !this._isTheirs(messages[i])) continue;
      newest = newest || messages[i];
      this.unread = Math.max(0, this.unread - 1);
    }
    if (!newest) return null;
    this._upTo = newest.id;
    this._onRead(this.unread);
    return newest;
  };

  // What lies between is not on this page: the server knows how many are left.
  Reading.prototype._recount = function (id) {
    var self = this;
    var take = this._inOrder('count', function (count) {
      self._upTo = Math.max(self._upTo, id);
      self.unread = count;
      self._onRead(count);
    });
    this._client.unreadCount(this._sessionId).done(take);
  };

  demo.Reading = Reading;
})(window);

// Which part of a session's messages is on the page: from the first unread one, or the newest; older and newer ones as the
// reader gets there. What arrives meanwhile joins when nothing is missing before it.
(function (window) {
  'use strict';

  var demo = window.IMDemo;
  var PAGE = 40;

  // options: {client, sessionId, list, reading, onShown()}
  function History(options) {
    var self = this;
    this._options = options;
    this._closed = false;
    this._loading = true;
    this._loaded = false;
    this._failed = false;
    // What the reader asked for last and has not got yet: a function that asks for it, or null.
    this._wish = null;
    // The same each time: one such wish does not overtake the other.
    this._newest = function () {
      self.toNewest();
    };
    // What arrived while it could not be shown.
    this._waiting = [];
  }

  History.prototype.close = function () {
    this._closed = true;
  };

  History.prototype.isLoaded = function () {
    return this._loaded;
  };

  History.prototype.begin = function () {
    var self = this;
    this._options.list.busy(true);
    this._options.reading
      .begin()
      .done(function () {
        if (self._closed) return;
        self._loading = false;
        if (self._goOn()) return;
        if (self._options.reading.first === null) self.toNewest();
        else self._fromUnread(self._options.reading.first);
      })
      .fail(function () {
        self.failed();
      });
  };

  // A message with those after it, and a few above. Both are shown at once: nothing later pulls the reader back to it.
  function around(id) {
    return [
      { after: id - 1, limit: PAGE },
      { before: id, limit: PAGE / 2 },
    ];
  }

  // To the first unread message.
  History.prototype._fromUnread = function (first) {
    var list = this._options.list;
    list.markFrom(first);
    this._load(around(first), function (page, older) {
      list.below = page.more;
      list.more = older.more;
      list.add(older.items.concat(page.items));
      list.toMark();
    });
  };

  History.prototype.older = function () {
    var list = this._options.list;
    var first = list.messages[0];
    if (this._failed) this.toNewest();
    else if (list.more && first) {
      this._load([{ before: first.id, limit: PAGE }], function (page) {
        list.more = page.more;
        list.add(page.items);
      });
    }
  };

  History.prototype.newer = function () {
    var list = this._options.list;
    var last = list.messages[list.messages.length - 1];
    if (!list.below || !last) return;
    this._load([{ after: last.id, limit: PAGE }], function (page) {
      // First what is there: to be at the end of what was loaded before is not to be at the session's.
      list.add(page.items);
      list.below = page.more;
      list.arrange();
    });
  };

  // To the end; where messages in between are not here, the list begins anew with the newest ones.
  History.prototype.toNewest = function () {
    var self = this;
    var list = this._options.list;
    this._wish = null;
    if (this._loaded && !list.below) {
      list.toEnd();
      this._options.onShown();
      return;
    }
    var take = function (page) {
      if (list.below) list.clear();
      list.below = false;
      list.more = page.more;
      list.add(page.items);
      if (!self._loaded) self._options.reading.loaded(list.messages);
      list.toEnd();
    };
    this._load([{ limit: PAGE }], take, this._newest);
  };

  // To a message: where it is not here, the list begins anew around it.
  History.prototype.to = function (id) {
    var self = this;
    var list = this._options.list;
    this._wish = null;
    if (list.has(id)) {
      list.toMessage(id);
      this._options.onShown();
      return;
    }
    var again = function () {
      self.to(id);
    };
    var take = function (page, older) {
      list.below = page.more;
      list.clear();
      list.more = older.more;
      list.add(older.items.concat(page.items));
      if (list.has(id)) list.toMessage(id);
      else demo.toast('找不到这条消息');
    };
    this._load(around(id), take, again);
  };

  // A message that arrived, or was sent here.
  History.prototype.arrived = function (message) {
    var list = this._options.list;
    if (this._failed || (this._loaded && !list.below)) list.add([message]);
    else this._waiting.push(message);
  };

  // One that was taken back, also where it waits.
  History.prototype.recalled = function (id, recalled) {
    this._waiting.forEach(function (message) {
      demo.MessageList.takeBack(message, id, recalled);
    });
    this._options.list.recalled(id, recalled);
  };

  // `take(page, …)` puts the pages of `ranges` into the list. `again()` is given for what the reader asks for: while something
  // else is loading it asks once more afterwards, and what was overtaken by a later wish is not taken.
  History.prototype._load = function (ranges, take, again) {
    var self = this;
    var options = this._options;
    if (again) this._wish = again;
    if (this._loading || this._closed) return;
    this._loading = true;
    options.list.busy(true);
    var pages = ranges.map(function (range) {
      range.session_id = options.sessionId;
      return options.client.history(range);
    });
    window.jQuery.when
      .apply(null, pages)
      .done(function () {
        if (self._closed) return;
        self._loading = false;
        options.list.busy(false);
        if (!again || again === self._wish || !self._loaded) take.apply(null, arguments);
        if (again && again === self._wish) self._wish = null;
        self._loaded = true;
        self._failed = false;
        if (!options.list.below) options.list.add(self._waiting.splice(0));
        options.onShown();
        self._goOn();
      })
      .fail(function () {
        self.failed();
      });
  };

  // To what was asked for meanwhile. Gives back whether anything was.
  History.prototype._goOn = function () {
    var wish = this._wish;
    this._wish = null;
    if (wish) wish();
    return wish !== null;
  };

  History.prototype.failed = function () {
    if (this._closed) return;
    this._loading = false;
    this._wish = null;
    this._failed = !this._loaded;
    if (this._failed) this._options.list.add(this._waiting.splice(0));
    this._options.list.failed();
    demo.toast('消息加载失败');
  };

  demo.History = History;
})(window);

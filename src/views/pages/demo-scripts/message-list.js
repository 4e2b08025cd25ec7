// The messages of one session on the page: in the order of their ids, days apart, the reader's place kept whatever comes.
(function (window) {
  'use strict';

  var demo = window.IMDemo;
  var el = demo.el;
  // A message counts as seen with its first line.
  var SEEN_PX = 40;
  // Messages of one sender this close share a face and a name.
  var GROUP_MS = 3 * 60 * 1000;

  // options: {scroller, list, people, topicOf(id), onScroll(), onOlder(), onNewer(), onRetry(id), onDiscard(id),
  //   onQuote(id), rewriteOf(message), actionsOf(message)}
  function MessageList(options) {
    var self = this;
    this.options = options;
    this.messages = [];
    this.entries = [];
    // Whether there are older ones above the first, and newer ones below the last.
    this.more = false;
    this.below = false;
    this._shown = {};
    this._unsent = {};
    this._days = {};
    this._markId = null;
    this._menu = new demo.MessageMenu(options.list, function (id) {
      var shown = self._shown[id];
      return shown ? options.actionsOf(shown.message) : [];
    });
    this._marker = el('li', { class: 'line line-unread', children: [el('span', { text: '以下为新消息' })] });
    this._older = el('button', { type: 'button', class: 'link-button', on: { click: options.onOlder } });
    this._top = el('li', { class: 'line line-older', children: [this._older] });
    this._newer = el('button', { type: 'button', class: 'link-button', on: { click: options.onNewer } });
    this._newer.textContent = '查看后面的消息';
    this._bottom = el('li', { class: 'line line-newer', children: [this._newer] });
    this.busy(false);

    this._place = new demo.ListPlace(
      options.scroller,
      options.list,
      function () {
        return self.below;
      },
      options.onScroll
    );
  }

  MessageList.prototype.close = function () {
    this._place.close();
    this._menu.end();
    demo.content.stopVoice();
    demo.empty(this.options.list);
  };

  MessageList.prototype.atEnd = function () {
    return this._place.stuck;
  };

  MessageList.prototype.nearTop = function () {
    return this.options.scroller.scrollTop < 120;
  };

  MessageList.prototype.nearBottom = function () {
    return this._place.distance() < 160;
  };

  // The id of the last message that the reader has in sight; 0: none.
  MessageList.prototype.lastInSight = function () {
    var bottom = this.options.scroller.getBoundingClientRect().bottom;
    for (var i = this.messages.length - 1; i >= 0; i--) {
      var box = this._shown[this.messages[i].id].node.getBoundingClientRect();
      if (box.height > 0 && Math.min(box.bottom, box.top + SEEN_PX) <= bottom) return this.messages[i].id;
    }
    return 0;
  };

  // Forgets what is shown, to begin anew elsewhere in the session.
  MessageList.prototype.clear = function () {
    this._shown = {};
    this.messages = [];
    this.arrange();
  };

  // Puts the line of what is new to the top.
  MessageList.prototype.toMark = function () {
    if (this._marker.parentNode) this._place.toNode(this._marker, 12);
  };

  // Puts a message that is here into the middle, and says by its colour that it is the one.
  MessageList.prototype.toMessage = function (id) {
    var node = this._shown[id].node;
    var room = this.options.scroller.clientHeight - node.offsetHeight;
    this._place.toNode(node, Math.max(12, room / 2));
    node.classList.remove('found');
    // Read, so that the colour begins anew.
    node.getBoundingClientRect();
    node.classList.add('found');
    node.tabIndex = -1;
    node.focus({ preventScroll: true });
  };

  MessageList.prototype.toEnd = function () {
    this._place.toEnd();
  };

  // Stored messages, in any order; those that are here already are left alone.
  MessageList.prototype.add = function (messages) {
    var self = this;
    messages.forEach(function (message) {
      if (self._shown[message.id]) return;
      self._draw(message);
      self.messages.push(message);
    });
    this.messages.sort(function (a, b) {
      return a.id - b.id;
    });
    this.arrange();
  };

  MessageList.prototype._draw = function (message) {
    var shown = demo.messageNode.stored(message, this.options.people, this.options.topicOf, this.options);
    shown.message = message;
    this._shown[message.id] = shown;
  };

  // A message was taken back: it stands there as a line, and whatever quotes it without its text.
  MessageList.prototype.recalled = function (id, recalled) {
    var self = this;
    this._menu.close();
    this.messages.forEach(function (message) {
      if (takeBack(message, id, recalled)) self._draw(message);
    });
    this.arrange();
  };

  // Whether that changed `message`.
  function takeBack(message, id, recalled) {
    var quotes = message.reply_to && message.reply_to.id === id;
    if (message.id === id) {
      message.content = null;
      message.recalled = recalled;
    } else if (quotes) message.reply_to.text = null;
    return message.id === id || quotes;
  }

  MessageList.prototype.has = function (id) {
    return this._shown[id] !== undefined;
  };

  // The page's own messages without an answer, in the order of sending. Those that were stored since then stay before them,
  // until what lies between is here and they are in the list.
  MessageList.prototype.setEntries = function (entries) {
    var self = this;
    var before = this._unsent;
    var nodes = {};
    var stored = this.entries.filter(function (entry) {
      return entry.message;
    });
    this.entries = stored.concat(entries);
    this.entries.forEach(function (entry) {
      var id = entry.client_msg_id;
      var known = before[id];
      if (known && known.state === entry.state) {
        nodes[id] = known;
        return;
      }
      var actions = {
        retry: function () {
          self.options.onRetry(id);
        },
        discard: function () {
          self.options.onDiscard(id);
        },
      };
      var people = self.options.people;
      var node = entry.message
        ? demo.messageNode.stored(entry.message, people, self.options.topicOf).node
        : demo.messageNode.unsent(entry, people, actions);
      nodes[id] = { state: entry.state, node: node };
    });
    this._unsent = nodes;
    this.arrange();
  };

  // What others wrote from `id` on is new: a line stands before it. Null: nothing is.
  MessageList.prototype.markFrom = function (id) {
    this._markId = id;
    this.arrange();
  };

  // Faces and names are made anew, for the participants have changed; or, with `type`, the messages of that type alone.
  MessageList.prototype.redraw = function (type) {
    var self = this;
    this.messages.forEach(function (message) {
      if (type === undefined || message.type === type) self._draw(message);
    });
    this.arrange();
  };

  MessageList.prototype.receipts = function () {
    var shown = this._shown;
    var people = this.options.people;
    Object.keys(shown).forEach(function (id) {
      var receipt = shown[id].receipt;
      if (!receipt) return;
      var text = people.receipt(shown[id].message);
      if (receipt.textContent !== text) receipt.textContent = text;
      receipt.classList.toggle('receipt-unread', text === '未读');
    });
  };

  // While older messages are on their way; assistive technology is not told of them one by one.
  MessageList.prototype.busy = function (busy, text) {
    this.options.scroller.setAttribute('aria-busy', busy ? 'true' : 'false');
    demo.focus.enable(this._older, !busy);
    this._older.textContent = text || (busy ? '正在加载…' : '查看更早的消息');
  };

  // Whether there are older ones is not known, so the button that asks for them stands there.
  MessageList.prototype.failed = function () {
    this.more = true;
    this.busy(false, '加载失败，点击重试');
    this.arrange();
  };

  MessageList.prototype._dayNode = function (iso) {
    var text = demo.time.day(iso);
    var known = this._days[text];
    if (!known) {
      known = el('li', { class: 'line line-day', children: [el('span', { text: text })] });
      this._days[text] = known;
    }
    return known;
  };

  // Puts everything where it belongs and keeps what the reader looks at in its place.
  MessageList.prototype.arrange = function () {
    var self = this;
    this.entries = this.entries.filter(function (entry) {
      return !entry.message || !self.has(entry.message.id);
    });
    this._place.keep(function () {
      demo.focus.keep(
        self.options.scroller,
        function () {
          demo.place(self.options.list, self._wanted());
        },
        true
      );
      self.receipts();
      self._menu.arranged();
    });
  };

  MessageList.prototype._wanted = function () {
    var self = this;
    var wanted = [];
    var previous = null;
    var marked = this._markId === null;
    var me = this.options.people.me.id;
    var last = this.entries;
    if (this.more) wanted.push(this._top);
    this.messages.forEach(function (message) {
      // What failed keeps its place: newer messages come into sight below it.
      last = last.filter(function (entry) {
        var isHere = entry.state === 'failed' && demo.Outbox.isBefore(entry, message);
        if (isHere) wanted.push(self._unsent[entry.client_msg_id].node);
        if (isHere) previous = null;
        return !isHere;
      });
      var node = self._shown[message.id].node;
      var day = self._dayNode(message.timestamp);
      var newDay = wanted.indexOf(day) < 0;
      if (newDay) wanted.push(day);
      var mark = !marked && message.sender_id !== me && message.id >= self._markId;
      if (mark) wanted.push(self._marker);
      if (mark) marked = true;
      node.classList.toggle('grouped', !newDay && !mark && follows(previous, message));
      wanted.push(node);
      previous = message;
    });
    if (this.below) wanted.push(this._bottom);
    last.forEach(function (entry) {
      wanted.push(self._unsent[entry.client_msg_id].node);
    });
    return wanted;
  };

  function follows(previous, message) {
    if (!previous || previous.sender_id !== message.sender_id) return false;
    if (demo.content.isLine(previous) || demo.content.isLine(message)) return false;
    return new Date(message.timestamp) - new Date(previous.timestamp) < GROUP_MS;
  }

  MessageList.takeBack = takeBack;
  demo.MessageList = MessageList;
})(window);

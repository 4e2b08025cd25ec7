// Where the reader of a list stands: at its end, and kept there while it grows, or somewhere above, and kept at the same
// message whatever comes.
(function (window) {
  'use strict';

  var demo = window.IMDemo;
  // This near the end counts as at the end: what comes is scrolled to.
  var NEAR_END_PX = 48;

  // isBelow(): whether the list's end is not the session's. onScroll(): the reader, or this, has scrolled.
  function ListPlace(scroller, list, isBelow, onScroll) {
    var self = this;
    this._scroller = scroller;
    this._list = list;
    this._isBelow = isBelow;
    // At the end, and to be kept there.
    this.stuck = true;
    // Where the list was last seen to stand, in pixels from its top, and how high its window was.
    this._top = 0;
    this._height = scroller.clientHeight;
    this._onScroll = function () {
      self._look();
      // A little way up is where the reader may want to be; only what the list has grown by is made up for.
      if (self.stuck && self.distance() >= NEAR_END_PX) self.toEnd();
      onScroll();
    };
    this._stay = function () {
      self._look();
      if (self.stuck) self.toEnd();
    };
    scroller.addEventListener('scroll', this._onScroll, false);
    scroller.addEventListener('load', this._stay, true);
    scroller.addEventListener('error', this._stay, true);
    window.addEventListener('resize', this._stay, false);
    // What else takes or gives room: a text of several lines being written, the menu below it, the banner.
    this._sizes = window.ResizeObserver ? new window.ResizeObserver(this._stay) : null;
    if (this._sizes) {
      this._sizes.observe(scroller);
      this._sizes.observe(list);
    }
  }

  ListPlace.prototype.close = function () {
    var scroller = this._scroller;
    scroller.removeEventListener('scroll', this._onScroll, false);
    scroller.removeEventListener('load', this._stay, true);
    scroller.removeEventListener('error', this._stay, true);
    window.removeEventListener('resize', this._stay, false);
    if (this._sizes) this._sizes.disconnect();
  };

  // In pixels, to the end.
  ListPlace.prototype.distance = function () {
    var scroller = this._scroller;
    return scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight;
  };

  // Only whoever moves up leaves the end. To be far from it can also mean that the list has grown: pictures get their
  // height when they come, which may be before the scroll event of an earlier toEnd().
  ListPlace.prototype._look = function () {
    var top = this._scroller.scrollTop;
    var height = this._scroller.clientHeight;
    if (this._isBelow()) this.stuck = false;
    else if (this.distance() < NEAR_END_PX) this.stuck = true;
    // A window that has become higher is moved up by the browser, not by its reader.
    else if (top < this._top && height === this._height) this.stuck = false;
    this._top = top;
    this._height = height;
  };

  ListPlace.prototype.toEnd = function () {
    this.stuck = true;
    this._scroller.scrollTop = this._scroller.scrollHeight;
    this._top = this._scroller.scrollTop;
  };

  // Puts `node` so far below the top.
  ListPlace.prototype.toNode = function (node, below) {
    var scroller = this._scroller;
    scroller.scrollTop += node.getBoundingClientRect().top - scroller.getBoundingClientRect().top - below;
    this.stuck = !this._isBelow() && this.distance() < NEAR_END_PX;
    this._top = scroller.scrollTop;
  };

  // The first message in sight, and where it is.
  ListPlace.prototype._anchor = function () {
    var top = this._scroller.getBoundingClientRect().top;
    var nodes = this._list.querySelectorAll('[data-id]');
    for (var i = 0; i < nodes.length; i++) {
      var box = nodes[i].getBoundingClientRect();
      if (box.bottom > top) return { node: nodes[i], top: box.top };
    }
    return null;
  };

  // The message of `node`, as it is now: it may have been drawn anew. Null: it is gone.
  ListPlace.prototype._again = function (node) {
    if (this._list.contains(node)) return node;
    return this._list.querySelector('[data-id="' + node.getAttribute('data-id') + '"]');
  };

  // `change()` changes what is in the list.
  ListPlace.prototype.keep = function (change) {
    var scroller = this._scroller;
    this._look();
    var anchor = this.stuck ? null : this._anchor();
    change();
    if (this.stuck) this.toEnd();
    else {
      var node = anchor && this._again(anchor.node);
      if (node) scroller.scrollTop += node.getBoundingClientRect().top - anchor.top;
    }
    this._top = scroller.scrollTop;
  };

  demo.ListPlace = ListPlace;
})(window);

// Where the keyboard stands, kept while the page draws parts of itself anew.
(function (window) {
  'use strict';

  var document = window.document;
  var demo = window.IMDemo;
  var STOPS = 'button:not([disabled]), input, select, textarea, a[href], video[controls], [tabindex]';

  // What can be stood on inside of `node`, in its order.
  function stops(node) {
    return Array.prototype.filter.call(node.querySelectorAll(STOPS), function (each) {
      return each.offsetParent !== null;
    });
  }

  // The entry that `stop` belongs to: what names itself by `data-key`, or all of `node`.
  function entryOf(stop, node) {
    var at = stop;
    while (at !== node && !at.hasAttribute('data-key')) at = at.parentNode;
    return at;
  }

  function entryAgain(entry, node) {
    if (node.contains(entry)) return entry;
    return Array.prototype.filter.call(node.querySelectorAll('[data-key]'), function (each) {
      return each.getAttribute('data-key') === entry.getAttribute('data-key');
    })[0];
  }

  // Remembers where `stop` stands inside of `node`. Gives back what puts the focus there again: on `stop` itself, or where
  // that was drawn anew or is gone, on the same place of the same entry; where the entry is gone, on `node`, or on what
  // comes first in it.
  function remember(stop, node) {
    var entry = entryOf(stop, node);
    var at = stops(entry).indexOf(stop);
    return function () {
      var there = node.contains(stop) && !stop.disabled && stop.offsetParent !== null;
      var again = entryAgain(entry, node);
      var places = again ? stops(again) : [];
      var place = there ? stop : places[Math.min(Math.max(at, 0), places.length - 1)];
      if (!place) place = node.hasAttribute('tabindex') ? node : stops(node)[0];
      if (place) place.focus({ preventScroll: true });
    };
  }

  // Runs `change`, which draws anew what is inside of `node`. Whoever stood there goes on standing there.
  function keep(node, change) {
    var stop = document.activeElement;
    var inside = stop && stop !== node && node.contains(stop);
    var back = inside ? remember(stop, node) : null;
    node.setAttribute('data-redrawn', '');
    change();
    if (back) back();
  }

  // For what takes the focus away for a while, from `stop`: gives back what gives it back.
  function leave(stop) {
    var node = stop;
    if (!stop || stop === document.body) return function () {};
    while (node !== document.body && !node.hasAttribute('data-redrawn')) node = node.parentNode;
    return remember(stop, node);
  }

  // Says and shows whether a button does anything now. `disabled` would take the focus from whoever stands on it; so what
  // is asked for meanwhile has to be ignored where it is done.
  function enable(button, enabled) {
    button.setAttribute('aria-disabled', enabled ? 'false' : 'true');
  }

  demo.focus = { enable: enable, keep: keep, leave: leave, stops: stops };
})(window);

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

  // The entry of the same name, as it is now.
  function entryAgain(entry, node) {
    if (node.contains(entry)) return entry;
    return Array.prototype.filter.call(node.querySelectorAll('[data-key]'), function (each) {
      return each.getAttribute('data-key') === entry.getAttribute('data-key');
    })[0];
  }

  // What stands in the `at`-th place of `entry` now, or nothing.
  function placeIn(entry, at) {
    var places = [entry].concat(stops(entry));
    var first = entry.tabIndex >= 0 ? 0 : 1;
    return places[Math.max(first, Math.min(at, places.length - 1))];
  }

  // Remembers where `stop` stands inside of `node`. Gives back what puts the focus there again: on `stop` itself, or where
  // that was drawn anew or is gone, on the same place of the same entry. Where the entry is gone, or `stop` belonged to
  // none, it is `node`, if one can stand there, or what has its place there now. `options`: those of `focus()`.
  function remember(stop, node, options) {
    var entry = entryOf(stop, node);
    var at = [entry].concat(stops(entry)).indexOf(stop);
    return function () {
      var there = node.contains(stop) && !stop.disabled && stop.offsetParent !== null;
      var again = entryAgain(entry, node);
      var own = again && (again !== node || !node.hasAttribute('tabindex')) ? placeIn(again, at) : undefined;
      var place = there ? stop : own || (node.hasAttribute('tabindex') ? node : stops(node)[0]);
      if (place && place !== document.activeElement) place.focus(options);
    };
  }

  // Runs `change`, which draws anew what is inside of `node`. Whoever stood there goes on standing there. `isStill`: the page
  // sees to what is in sight there.
  function keep(node, change, isStill) {
    var stop = document.activeElement;
    var inside = stop && stop !== node && node.contains(stop);
    var back = inside ? remember(stop, node, { preventScroll: !!isStill }) : null;
    node.setAttribute('data-redrawn', '');
    change();
    if (back) back();
  }

  // For what takes the focus away for a while, from `stop`: gives back what gives it back.
  function leave(stop) {
    var node = stop;
    while (node && node !== document.body && !node.hasAttribute('data-redrawn')) node = node.parentElement;
    return node && stop !== node ? remember(stop, node, { preventScroll: true }) : function () {};
  }

  // To something that was loaded, or where one gets to: it need not be a button.
  function moveTo(node) {
    if (!node.hasAttribute('tabindex') && node.tabIndex < 0) node.tabIndex = -1;
    node.focus();
  }

  // Says and shows whether a button does anything now. `disabled` would take the focus from whoever stands on it; so what
  // is asked for meanwhile has to be ignored where it is done.
  function enable(button, enabled) {
    button.setAttribute('aria-disabled', enabled ? 'false' : 'true');
  }

  demo.focus = { enable: enable, keep: keep, leave: leave, moveTo: moveTo, stops: stops };
})(window);

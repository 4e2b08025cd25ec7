// What the page remembers in this browser. Where it may not (private windows), it forgets, and goes on.
(function (window) {
  'use strict';

  var demo = window.IMDemo;
  var PREFIX = 'im-demo:';

  // Touching localStorage alone may throw.
  function store() {
    try {
      return window.localStorage;
      // eslint-disable-next-line no-unused-vars -- ES5 has no catch without a name
    } catch (error) {
      return null;
    }
  }

  function get(name) {
    var place = store();
    return place ? place.getItem(PREFIX + name) : null;
  }

  // An empty text, or null, forgets.
  function set(name, text) {
    var place = store();
    if (!place) return;
    try {
      if (text) place.setItem(PREFIX + name, text);
      else place.removeItem(PREFIX + name);
      // eslint-disable-next-line no-unused-vars -- ES5 has no catch without a name
    } catch (error) {
      // It is full: what is on the page stays there.
    }
  }

  // The names that begin with `start`.
  function names(start) {
    var place = store();
    var found = [];
    for (var i = 0; place && i < place.length; i++) {
      var name = place.key(i);
      if (name.indexOf(PREFIX + start) === 0) found.push(name.slice(PREFIX.length));
    }
    return found;
  }

  demo.storage = { get: get, names: names, set: set };
})(window);

// Draws nothing anew under a finger or a pointer: a click that has begun there would be lost, or meet something else.
(function (window) {
  'use strict';

  var demo = window.IMDemo;
  var LONGEST_PRESS_MS = 3000;
  // A finger's click may come this long after it was lifted.
  var TAP_MS = 300;

  // Gives back a function that runs `draw`: at once, or while something in `node` is pressed, as soon as it is let go.
  function unpressed(node, draw) {
    var isPressed = false;
    var isStale = false;
    var timer = null;
    var show = function () {
      isStale = isPressed;
      if (!isPressed) draw();
    };
    var release = function () {
      isPressed = false;
      if (isStale) show();
    };
    // The click comes after what lets go; and what lets go may never come.
    var releaseIn = function (ms) {
      clearTimeout(timer);
      timer = setTimeout(release, ms);
    };
    ['mousedown', 'touchstart'].forEach(function (name) {
      node.addEventListener(name, function () {
        isPressed = true;
        releaseIn(LONGEST_PRESS_MS);
      });
    });
    var letGo = { mouseup: 0, touchend: TAP_MS, touchcancel: 0 };
    Object.keys(letGo).forEach(function (name) {
      window.document.addEventListener(name, function () {
        if (isPressed) releaseIn(letGo[name]);
      });
    });
    return show;
  }

  demo.unpressed = unpressed;
})(window);

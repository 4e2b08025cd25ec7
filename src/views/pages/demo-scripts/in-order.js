// Answers overtake each other: an older one that comes after a newer one would show what is no longer so.
(function (window) {
  'use strict';

  var demo = window.IMDemo;

  // Gives back `inOrder(question, take)`, to be called when `question`, a string, is asked. It gives back `take` for the
  // answer, which does nothing once the answer to a later asking of the same question was taken.
  function inOrder() {
    var asked = 0;
    var taken = {};
    return function (question, take) {
      var key = demo.key(question);
      var turn = ++asked;
      return function (answer) {
        if (turn < taken[key]) return;
        taken[key] = turn;
        take(answer);
      };
    };
  }

  demo.inOrder = inOrder;
})(window);

// 关怀模式: everything larger, for those who see or aim badly. The switch is remembered in this browser.
(function (window) {
  'use strict';

  var document = window.document;
  var demo = window.IMDemo;
  var NAME = 'care';

  function show(on) {
    document.documentElement.classList.toggle('care', on);
    Array.prototype.forEach.call(document.querySelectorAll('[data-part="care"]'), function (button) {
      button.setAttribute('aria-pressed', on ? 'true' : 'false');
      button.onclick = function () {
        demo.storage.set(NAME, on ? '' : 'on');
        show(!on);
      };
    });
  }

  show(demo.storage.get(NAME) === 'on');
})(window);

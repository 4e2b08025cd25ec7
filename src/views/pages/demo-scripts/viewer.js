// A picture at the size of the window, and those before and after it in the same list: by swiping, keys and buttons.
(function (window) {
  'use strict';

  var document = window.document;
  var demo = window.IMDemo;
  var el = demo.el;
  var SWIPE_PX = 50;

  // Then a finger moves the picture about.
  function isZoomed() {
    var viewport = window.visualViewport;
    return viewport ? viewport.scale > 1.05 : false;
  }

  // links: the pictures' links; index: which one of them is shown first.
  function open(links, index) {
    var image = el('img', { class: 'viewer-image' });
    var count = el('p', { class: 'viewer-count', role: 'status' });
    // Addresses are good for a day or two.
    var missing = el('p', { class: 'viewer-missing', role: 'alert', text: '图片无法加载，请刷新页面后再看' });
    var loads = function (does) {
      image.hidden = !does;
      missing.hidden = does;
    };
    image.onerror = function () {
      loads(false);
    };
    var state = { at: index, x: null };
    var close = function () {
      if (!overlay.parentNode) return;
      untrap();
      document.removeEventListener('keydown', onKey, true);
      document.body.removeChild(overlay);
    };
    var show = function (at) {
      if (at < 0 || at >= links.length) return;
      state.at = at;
      var small = links[at].querySelector('img');
      loads(true);
      image.src = links[at].href;
      image.alt = small ? small.alt : '图片';
      count.textContent = at + 1 + ' / ' + links.length;
      demo.focus.enable(before, at > 0);
      demo.focus.enable(after, at < links.length - 1);
    };
    var step = function (by) {
      show(state.at + by);
    };
    var onKey = function (event) {
      if (event.key === 'ArrowLeft') step(-1);
      else if (event.key === 'ArrowRight') step(1);
    };
    var done = demo.iconButton('close', '关闭', { class: 'viewer-close', click: close });
    var before = demo.iconButton('back', '上一张', {
      class: 'viewer-before',
      click: function () {
        step(-1);
      },
    });
    var after = demo.iconButton('next', '下一张', {
      class: 'viewer-after',
      click: function () {
        step(1);
      },
    });
    before.hidden = after.hidden = links.length < 2;
    var overlay = el('div', {
      class: 'viewer',
      role: 'dialog',
      'aria-modal': 'true',
      'aria-label': '查看图片',
      children: [image, missing, done, before, after, count],
    });
    overlay.addEventListener('click', function (event) {
      if (event.target === overlay || event.target === image) close();
    });
    overlay.addEventListener('touchstart', function (event) {
      state.x = event.touches.length === 1 ? event.touches[0].clientX : null;
    });
    overlay.addEventListener('touchend', function (event) {
      var moved = state.x === null ? 0 : event.changedTouches[0].clientX - state.x;
      state.x = null;
      if (Math.abs(moved) < SWIPE_PX || isZoomed()) return;
      // A swipe is no tap.
      if (event.cancelable) event.preventDefault();
      step(moved < 0 ? 1 : -1);
    });
    document.body.appendChild(overlay);
    document.addEventListener('keydown', onKey, true);
    var untrap = demo.dialog.trapFocus(overlay, close);
    show(index);
    done.focus();
  }

  // With a key that asks for another tab or window, the link is a link.
  document.addEventListener('click', function (event) {
    if (event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.defaultPrevented)
      return;
    var link = event.target;
    while (link && link !== document && !link.classList.contains('picture-link')) link = link.parentNode;
    if (!link || link === document) return;
    var list = link;
    while (list !== document.body && list.tagName !== 'OL') list = list.parentNode;
    var links = Array.prototype.slice.call(list.querySelectorAll('.picture-link'));
    event.preventDefault();
    open(links, links.indexOf(link));
  });
})(window);

// Files of one's own: which of them can be sent, as what, and how long they play.
(function (window) {
  'use strict';

  var document = window.document;
  var demo = window.IMDemo;
  var MEASURE_MS = 3000;

  // The type of the message that a file becomes; null: it can't be sent. The server looks at the content once more.
  function typeOf(file) {
    var mime = String(file.type);
    if (/^image\//.test(mime)) return 2;
    if (/^audio\//.test(mime)) return 3;
    if (/^video\//.test(mime)) return 12;
    return mime === 'application/pdf' ? 5 : null;
  }

  // A promise of how many seconds it plays, as far as this browser can tell; else 0.
  function secondsOf(file, address) {
    var known = window.jQuery.Deferred();
    var type = typeOf(file);
    if (type !== 3 && type !== 12) return known.resolve(0).promise();
    var player = document.createElement(type === 3 ? 'audio' : 'video');
    var done = function () {
      clearTimeout(timer);
      player.removeAttribute('src');
      known.resolve(isFinite(seconds) ? Math.round(seconds * 10) / 10 : 0);
    };
    var seconds = 0;
    var timer = setTimeout(done, MEASURE_MS);
    player.preload = 'metadata';
    player.onloadedmetadata = function () {
      seconds = player.duration;
      done();
    };
    player.onerror = done;
    player.src = address;
    return known.promise();
  }

  // Lets the user choose: on a phone also from the camera. In WeChat `wx.chooseImage` would have its place here.
  function pick(accept, several, onFiles) {
    var input = demo.el('input', { type: 'file', accept: accept, multiple: several, class: 'file-input' });
    var old = document.querySelector('.file-input');
    if (old) document.body.removeChild(old);
    input.hidden = true;
    input.onchange = function () {
      onFiles(Array.prototype.slice.call(input.files));
      document.body.removeChild(input);
    };
    // In the page, for Safari forgets one that is nowhere.
    document.body.appendChild(input);
    input.click();
  }

  // Files that are dropped on `area`, or pasted into `input`.
  function watch(area, input, onFiles) {
    var carries = function (event) {
      var types = (event.dataTransfer && event.dataTransfer.types) || [];
      return !input.disabled && Array.prototype.indexOf.call(types, 'Files') >= 0;
    };
    area.addEventListener('dragover', function (event) {
      if (!carries(event)) return;
      event.preventDefault();
      area.classList.add('dropping');
    });
    area.addEventListener('dragleave', function (event) {
      if (!area.contains(event.relatedTarget)) area.classList.remove('dropping');
    });
    area.addEventListener('drop', function (event) {
      area.classList.remove('dropping');
      if (!carries(event)) return;
      event.preventDefault();
      onFiles(Array.prototype.slice.call(event.dataTransfer.files));
    });
    input.addEventListener('paste', function (event) {
      var pasted = event.clipboardData;
      var files = pasted ? Array.prototype.slice.call(pasted.files) : [];
      // Cells of a table come as text, and as a picture of it, which nobody meant to send.
      var isText = pasted && pasted.getData('text/plain') !== '' && pasted.getData('text/html') !== '';
      if (files.length === 0 || isText) return;
      event.preventDefault();
      onFiles(files);
    });
  }

  demo.media = { pick: pick, secondsOf: secondsOf, typeOf: typeOf, watch: watch };
})(window);

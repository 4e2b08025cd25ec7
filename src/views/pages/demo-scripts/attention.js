// How the page asks for attention: its title, and while a call rings also sound, vibration and a notification.
(function (window) {
  'use strict';

  var document = window.document;
  var demo = window.IMDemo;
  var TITLE = document.title;
  var RING_EVERY_MS = 3000;
  var VIBRATION_MS = [500, 250, 500];
  // Two tones, as telephones have; each [Hz, from second, to second].
  var TONES = [
    [440, 0, 0.4],
    [554, 0, 0.4],
    [440, 0.6, 1],
    [554, 0.6, 1],
  ];

  var prefix = '';
  var ringing = null;
  var audio = null;

  function title() {
    var call = ringing && ringing.shown ? '【来电】' + ringing.name + ' ' : '';
    document.title = call + prefix + TITLE;
  }

  // Browsers let a page sound and shake only after somebody has touched it, and warn of every try before.
  function touched() {
    var activation = window.navigator.userActivation;
    return activation === undefined || activation.hasBeenActive;
  }

  function sound() {
    var Context = window.AudioContext || window.webkitAudioContext;
    if (!Context) return;
    audio = audio || new Context();
    if (audio.state === 'suspended') audio.resume();
    TONES.forEach(function (tone) {
      var oscillator = audio.createOscillator();
      var gain = audio.createGain();
      gain.gain.value = 0.12;
      oscillator.frequency.value = tone[0];
      oscillator.connect(gain);
      gain.connect(audio.destination);
      oscillator.start(audio.currentTime + tone[1]);
      oscillator.stop(audio.currentTime + tone[2]);
    });
  }

  function notify(name) {
    var Notice = window.Notification;
    if (!Notice || Notice.permission !== 'granted' || !document.hidden) return null;
    try {
      var notice = new Notice(name, { body: '邀请您视频通话', tag: 'im-call', requireInteraction: true });
      notice.onclick = function () {
        window.focus();
        notice.close();
      };
      return notice;
      // eslint-disable-next-line no-unused-vars -- ES5 has no catch without a name
    } catch (error) {
      // Android's browsers know notifications of service workers alone.
      return null;
    }
  }

  function once() {
    ringing.shown = !ringing.shown;
    title();
    if (!ringing.shown || !touched()) return;
    sound();
    if (window.navigator.vibrate) window.navigator.vibrate(VIBRATION_MS);
  }

  // Rings for a call of `name` until `quiet()`.
  function ring(name) {
    quiet();
    ringing = { name: name, shown: false, notice: notify(name), timer: null };
    once();
    ringing.timer = setInterval(once, RING_EVERY_MS / 2);
  }

  // More is known of who calls.
  function rename(name) {
    if (!ringing || ringing.name === name) return;
    ringing.name = name;
    // One of the same tag takes the other's place.
    if (ringing.notice) ringing.notice = notify(name) || ringing.notice;
    title();
  }

  function quiet() {
    if (!ringing) return;
    clearInterval(ringing.timer);
    if (ringing.notice) ringing.notice.close();
    if (window.navigator.vibrate && touched()) window.navigator.vibrate(0);
    ringing = null;
    title();
  }

  // What stands before the page's name in its title, such as the number of unread messages; '' for nothing.
  function mark(text) {
    prefix = text;
    title();
  }

  // A button that asks whether calls may notify, as long as that was not decided.
  function offer(button) {
    var Notice = window.Notification;
    button.hidden = !Notice || Notice.permission !== 'default' || !window.isSecureContext;
    button.onclick = function () {
      Notice.requestPermission(function (answer) {
        button.hidden = answer !== 'default';
        demo.toast(answer === 'granted' ? '来电时会弹出通知' : '未开启来电通知');
      });
    };
  }

  Array.prototype.forEach.call(document.querySelectorAll('[data-part="notify"]'), offer);
  demo.attention = { mark: mark, quiet: quiet, rename: rename, ring: ring };
})(window);

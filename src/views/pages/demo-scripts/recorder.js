// 按住说话: records as long as the button is held, by a finger, the pointer or a key, and gives the voice away.
(function (window) {
  'use strict';

  var demo = window.IMDemo;
  var LEAST_MS = 1000;
  var MOST_MS = 60000;
  // Lifted this far above the button, the voice is thrown away.
  var AWAY_PX = 60;
  // The first plays in every browser.
  var KINDS = ['audio/mp4;codecs=mp4a.40.2', 'audio/webm;codecs=opus', 'audio/webm', 'audio/mp4'];
  var IDLE = '按住说话';

  // onVoice(blob, seconds)
  function Recorder(button, onVoice) {
    this._button = button;
    this._onVoice = onVoice;
    this._held = false;
    this._asking = false;
    this._recording = null;
    this._show(IDLE);
    this._listen();
  }

  Recorder.prototype._listen = function () {
    var self = this;
    var button = this._button;
    var isKey = function (event) {
      return event.key === ' ' || event.key === 'Enter';
    };
    button.addEventListener('pointerdown', function (event) {
      if (event.button !== 0) return;
      button.setPointerCapture(event.pointerId);
      self._begin();
    });
    button.addEventListener('pointermove', function (event) {
      if (self._recording) self._away(event.clientY < button.getBoundingClientRect().top - AWAY_PX);
    });
    button.addEventListener('pointerup', function () {
      self._end();
    });
    button.addEventListener('pointercancel', function () {
      self.cancel();
    });
    button.addEventListener('contextmenu', function (event) {
      event.preventDefault();
    });
    button.addEventListener('keydown', function (event) {
      if (event.key === 'Escape') self.cancel();
      if (!isKey(event)) return;
      event.preventDefault();
      if (!event.repeat) self._begin();
    });
    button.addEventListener('keyup', function (event) {
      if (!isKey(event)) return;
      event.preventDefault();
      self._end();
    });
    button.addEventListener('blur', function () {
      self.cancel();
    });
  };

  Recorder.prototype._show = function (text) {
    this._button.textContent = text;
    this._button.classList.toggle('recording', this._recording !== null);
  };

  Recorder.prototype._away = function (away) {
    this._recording.away = away;
    this._tick();
  };

  Recorder.prototype._begin = function () {
    var self = this;
    var devices = window.navigator.mediaDevices;
    if (this._held || this._asking || this._recording) return;
    if (!devices || !window.MediaRecorder) {
      demo.toast('这里不能录音：需要 https，或较新的浏览器');
      return;
    }
    this._held = true;
    this._asking = true;
    devices.getUserMedia({ audio: true }).then(
      function (stream) {
        self._asking = false;
        if (self._held) return self._record(stream);
        stop(stream);
        demo.toast('可以录音了，请按住说话');
      },
      function (error) {
        self._asking = false;
        self._held = false;
        var refused = error && error.name === 'NotAllowedError';
        demo.toast(refused ? '没有麦克风权限，请在浏览器设置中允许' : '没有找到可用的麦克风');
      }
    );
  };

  Recorder.prototype._record = function (stream) {
    var self = this;
    var kind = KINDS.filter(function (each) {
      return window.MediaRecorder.isTypeSupported(each);
    })[0];
    var recorder = new window.MediaRecorder(stream, kind ? { mimeType: kind } : {});
    var recording = { recorder: recorder, from: new Date().getTime(), away: false, given: true };
    var parts = [];
    recorder.ondataavailable = function (event) {
      if (event.data.size > 0) parts.push(event.data);
    };
    recorder.onstop = function () {
      stop(stream);
      if (recording.given) self._give(new window.Blob(parts, { type: recorder.mimeType }), recording.lasted);
    };
    recording.timer = setInterval(function () {
      self._tick();
    }, 250);
    this._recording = recording;
    recorder.start();
    this._tick();
  };

  Recorder.prototype._give = function (blob, lasted) {
    if (lasted < LEAST_MS || blob.size === 0) demo.toast('说话时间太短');
    else this._onVoice(blob, Math.round(lasted / 1000));
  };

  Recorder.prototype._tick = function () {
    var recording = this._recording;
    var lasted = new Date().getTime() - recording.from;
    var seconds = Math.floor(lasted / 1000) + '″';
    this._show(recording.away ? '松开取消' : '松开发送，上滑取消 ' + seconds);
    if (lasted >= MOST_MS) this._end();
  };

  Recorder.prototype._end = function () {
    var recording = this._recording;
    this._held = false;
    if (!recording) return;
    this._recording = null;
    clearInterval(recording.timer);
    recording.lasted = new Date().getTime() - recording.from;
    if (recording.away) recording.given = false;
    recording.recorder.stop();
    this._show(IDLE);
  };

  Recorder.prototype.cancel = function () {
    if (this._recording) this._recording.away = true;
    this._end();
  };

  function stop(stream) {
    stream.getTracks().forEach(function (track) {
      track.stop();
    });
  }

  demo.Recorder = Recorder;
})(window);

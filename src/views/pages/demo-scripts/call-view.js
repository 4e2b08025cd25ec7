// What a call looks like: one overlay for ringing, talking and their buttons.
(function (window) {
  'use strict';

  var document = window.document;
  var demo = window.IMDemo;
  var el = demo.el;

  // media: video | audio; handlers: {accept(), reject(), hangup(), send(kind, bool)}, kind: audio | video
  function CallView(media, handlers) {
    this._media = media;
    this.remote = el('video', { class: 'call-remote', autoplay: true, playsinline: true });
    this.local = el('video', { class: 'call-local', autoplay: true, playsinline: true });
    // The attribute alone does not mute a video that a script made.
    this.local.muted = true;
    this._face = el('div', { class: 'call-face' });
    this._name = el('h2', { class: 'call-name', id: 'call-name' });
    this._state = el('p', { class: 'call-state', role: 'status' });
    this._cameras = { own: true, other: true };
    this._camera = el('p', { class: 'call-camera', role: 'status' });
    // Whether the user lets their sound and picture go out.
    this.sends = { audio: true, video: true };
    // Made once: what was pressed at one stage says so at the next, and no click that has begun is lost between them.
    this._reject = round('call-end', '拒绝', 'end', handlers.reject);
    this._accept = round('call', '接听', 'accept', handlers.accept);
    this._mute = toggle('mic', '静音', '取消静音', this._switch('audio', handlers.send));
    this._hangup = round('call-end', '挂断', 'end', handlers.hangup);
    this._dark = toggle('camera', '关闭摄像头', '打开摄像头', this._switch('video', handlers.send));
    this._buttons = el('div', { class: 'call-buttons' });
    var panel = el('div', {
      class: 'call-panel',
      children: [this._face, this._name, this._state, this._camera],
    });
    this.node = el('div', {
      class: 'call',
      role: 'dialog',
      'aria-modal': 'true',
      'aria-labelledby': 'call-name',
      'data-media': media,
      children: [this.remote, panel, this.local, this._buttons],
    });
    this._untrap = null;
  }

  CallView.prototype.person = function (person) {
    demo.append(demo.empty(this._face), [demo.avatar(person, 'large')]);
    this._name.textContent = person.name;
  };

  CallView.prototype.show = function () {
    document.body.appendChild(this.node);
    this._untrap = demo.dialog.trapFocus(this.node, null);
  };

  CallView.prototype.close = function () {
    if (!this.node.parentNode) return;
    this.remote.srcObject = null;
    this.local.srcObject = null;
    document.body.removeChild(this.node);
    this._untrap();
  };

  CallView.prototype.say = function (text) {
    this._state.textContent = text;
  };

  // Whose camera is off, in words: whose is own | other.
  CallView.prototype.camera = function (whose, on) {
    var off = [];
    this._cameras[whose] = on;
    if (!this._cameras.other) off.push('对方的摄像头已关闭');
    if (!this._cameras.own) off.push('您的摄像头已关闭');
    this._camera.textContent = off.join('，');
  };

  // Without a camera there is nothing to switch.
  CallView.prototype.withoutCamera = function () {
    this._dark.setAttribute('aria-pressed', 'true');
    this._dark.querySelector('span').textContent = '没有摄像头';
    demo.focus.enable(this._dark, false);
  };

  // stage: incoming | outgoing | connecting | active
  CallView.prototype.stage = function (stage) {
    var incoming = stage === 'incoming';
    var talking =
      this._media === 'video' ? [this._mute, this._hangup, this._dark] : [this._mute, this._hangup];
    this.node.setAttribute('data-stage', stage);
    this._hangup.querySelector('span').textContent = stage === 'outgoing' ? '取消' : '挂断';
    demo.place(this._buttons, incoming ? [this._reject, this._accept] : talking);
    // Not from the button that one stands on.
    if (!this._buttons.contains(document.activeElement)) (incoming ? this._accept : this._hangup).focus();
  };

  CallView.prototype._switch = function (kind, send) {
    var sends = this.sends;
    return function (off) {
      sends[kind] = !off;
      send(kind, !off);
    };
  };

  function round(icon, label, kind, click) {
    var options = { class: 'round round-' + kind, shown: true, click: click };
    return demo.iconButton(icon, label, options);
  }

  function toggle(icon, label, pressedLabel, change) {
    var button = round(icon, label, 'toggle', function () {
      var pressed = button.getAttribute('aria-pressed') !== 'true';
      if (button.getAttribute('aria-disabled') === 'true') return;
      button.setAttribute('aria-pressed', pressed ? 'true' : 'false');
      button.querySelector('span').textContent = pressed ? pressedLabel : label;
      change(pressed);
    });
    button.setAttribute('aria-pressed', 'false');
    return button;
  }

  demo.CallView = CallView;
})(window);

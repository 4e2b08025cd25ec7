// What a call looks like: one overlay for ringing, talking and their buttons.
(function (window) {
  'use strict';

  var document = window.document;
  var demo = window.IMDemo;
  var el = demo.el;

  // handlers: {accept(), reject(), hangup(), mute(bool), camera(bool)}
  function CallView(handlers) {
    this._handlers = handlers;
    this.remote = el('video', { class: 'call-remote', autoplay: true, playsinline: true });
    this.local = el('video', { class: 'call-local', autoplay: true, playsinline: true });
    // The attribute alone does not mute a video that a script made.
    this.local.muted = true;
    this._face = el('div', { class: 'call-face' });
    this._name = el('h2', { class: 'call-name', id: 'call-name' });
    this._state = el('p', { class: 'call-state', role: 'status' });
    this._cameras = { own: true, other: true };
    this._camera = el('p', { class: 'call-camera', role: 'status' });
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
      children: [this.remote, panel, this.local, this._buttons],
    });
    this._untrap = null;
  }

  CallView.prototype.person = function (person) {
    demo.append(demo.empty(this._face), [demo.avatar(person, 'large')]);
    this._name.textContent = person.name;
  };

  CallView.prototype.show = function (person) {
    this.person(person);
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

  // stage: incoming | outgoing | connecting | active
  CallView.prototype.stage = function (stage) {
    var handlers = this._handlers;
    this.node.setAttribute('data-stage', stage);
    var end = stage === 'outgoing' ? '取消' : '挂断';
    var buttons =
      stage === 'incoming'
        ? [
            round('call-end', '拒绝', 'end', handlers.reject),
            round('call', '接听', 'accept', handlers.accept),
          ]
        : [
            toggle('mic', '静音', '取消静音', handlers.mute),
            round('call-end', end, 'end', handlers.hangup),
            toggle('camera', '关闭摄像头', '打开摄像头', handlers.camera),
          ];
    demo.append(demo.empty(this._buttons), buttons);
    var focused = this._buttons.querySelector(stage === 'incoming' ? '.round-accept' : '.round-end');
    focused.focus();
  };

  function round(icon, label, kind, click) {
    var options = { class: 'round round-' + kind, shown: true, click: click };
    return demo.iconButton(icon, label, options);
  }

  function toggle(icon, label, pressedLabel, change) {
    var button = round(icon, label, 'toggle', function () {
      var pressed = button.getAttribute('aria-pressed') !== 'true';
      button.setAttribute('aria-pressed', pressed ? 'true' : 'false');
      button.querySelector('span').textContent = pressed ? pressedLabel : label;
      change(pressed);
    });
    button.setAttribute('aria-pressed', 'false');
    return button;
  }

  demo.CallView = CallView;
})(window);

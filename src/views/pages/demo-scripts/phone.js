// What the doctor's phone would show, had its app been away: without Getui no push is sent, and this stands for it.
(function (window) {
  'use strict';

  var demo = window.IMDemo;
  var el = demo.el;
  // A phone shows a session's last push alone, and nobody reads more than a few.
  var BANNERS = 3;
  // Its push came with the call.
  var CALL_RECORD = 14;
  var ROOMY = '(min-width: 900px) and (min-height: 700px)';

  // root holds the parts `badge` and `banners`.
  function Phone(root, user, token) {
    this._root = root;
    this._me = user;
    this._token = token;
    this._badge = root.querySelector('[data-part="badge"]');
    this._banners = root.querySelector('[data-part="banners"]');
    // It comes with the first push, open where there is room.
    root.open = window.matchMedia(ROOMY).matches;
  }

  // A message came: asks what a push of it shows.
  Phone.prototype.message = function (message) {
    var self = this;
    if (message.sender_id === this._me.id || message.type === CALL_RECORD) return;
    var request = new window.XMLHttpRequest();
    request.open('GET', '/demo/pushed/' + encodeURIComponent(message.session_id) + '/' + message.id);
    request.setRequestHeader('Authorization', 'Bearer ' + this._token);
    request.onload = function () {
      if (request.status === 200) self._show(message.session_id, JSON.parse(request.responseText));
    };
    request.send();
  };

  Phone.prototype._show = function (sessionId, push) {
    var banners = this._banners;
    Array.prototype.slice.call(banners.children).forEach(function (banner) {
      if (banner.getAttribute('data-of') === sessionId) banners.removeChild(banner);
    });
    banners.insertBefore(
      el('li', {
        class: 'phone-banner',
        'data-of': sessionId,
        children: [el('strong', { text: push.title }), el('span', { text: push.body })],
      }),
      banners.firstChild
    );
    if (banners.children.length > BANNERS) banners.removeChild(banners.lastChild);
    this._root.hidden = false;
  };

  // The number on the app's icon: all that is unread, as the list says. A push's own is older than what was read since.
  Phone.prototype.badge = function (unread) {
    this._badge.textContent = unread > 99 ? '99+' : String(unread);
    this._badge.hidden = unread === 0;
  };

  demo.Phone = Phone;
})(window);

// From the page's address to a client that is logged in, and the banner that says how the connection is.
(function (window) {
  'use strict';

  var document = window.document;
  var demo = window.IMDemo;

  // What the page's address says, as `?user=…&session=…`.
  function parameter(name) {
    var found = new RegExp('[?&]' + name + '=([^&]*)').exec(window.location.search);
    try {
      return found ? decodeURIComponent(found[1].replace(/\+/g, ' ')) : '';
      // eslint-disable-next-line no-unused-vars -- ES5 has no catch without a name
    } catch (error) {
      return '';
    }
  }

  // Who uses the page: the one in its address, or the first of the picker's. Choosing another one loads the page anew.
  function pickUser() {
    var picker = document.getElementById('user');
    var id = parameter('user') || picker.options[0].value;
    var known = Array.prototype.some.call(picker.options, function (option) {
      return option.value === id;
    });
    if (!known) picker.add(new window.Option(id, id));
    picker.value = id;
    picker.onchange = function () {
      window.location.search = '?user=' + encodeURIComponent(picker.value);
    };
    return id;
  }

  // Logs in as dev allows it: without the app key. `done` gets the user and the token.
  function login(userType, done) {
    var userId = pickUser();
    new window.IMClient({}).users
      .login({ user_id: userId, user_type: userType, platform: 'web' })
      .done(function (answer) {
        done(answer.user, answer.token);
      })
      .fail(function (error) {
        banner('登录失败：' + demo.failureText(error), true);
      });
  }

  // To the user's page without a session: for a session that one is no longer in.
  function leave() {
    var user = document.getElementById('user').value;
    window.location.href = window.location.pathname + '?user=' + encodeURIComponent(user);
  }

  // `text` empty: all is well. With `ended` nothing goes on by itself, and a button loads the page anew; with `gone` too,
  // the page without the session.
  function banner(text, ended, gone) {
    var node = document.getElementById('banner');
    var again = document.getElementById('banner-again');
    document.getElementById('banner-text').textContent = text;
    node.hidden = text === '';
    node.classList.toggle('banner-ended', !!ended);
    again.hidden = !ended;
    again.textContent = gone ? '返回' : '重新进入';
    again.onclick = function () {
      if (gone) leave();
      else window.location.reload();
    };
  }

  function watch(client) {
    var lost = '网络已断开，正在重新连接…';
    var isReconnecting = false;
    // A banner that waits for a click stays.
    var unlessEnded = function (text) {
      if (!document.getElementById('banner').classList.contains('banner-ended')) banner(text);
    };
    client.on('open', function () {
      isReconnecting = false;
      banner('');
    });
    client.on('reconnecting', function () {
      isReconnecting = true;
      banner(lost);
    });
    // The browser knows at once what the socket finds out only when an answer fails to come.
    window.addEventListener('offline', function () {
      unlessEnded(lost);
    });
    window.addEventListener('online', function () {
      if (!isReconnecting) unlessEnded('');
    });
    client.on('close', function (data) {
      var texts = { 4401: '登录已失效', 4404: '您已不在这个会话中', 4400: '登录信息不正确' };
      banner((demo.own(texts, data.code) || '连接已结束') + '。', true, data.code === 4404);
    });
  }

  demo.connection = { banner: banner, login: login, parameter: parameter, watch: watch };
})(window);

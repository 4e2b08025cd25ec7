// The running status: asks for the app key, then for the figures every two seconds.
(function (window) {
  'use strict';

  var document = window.document;
  var EVERY_MS = 2000;
  // Three minutes.
  var POINTS = 90;

  var key = null;
  var timer = null;
  // Of the figures before: what was stored, when, and by which process.
  var before = null;

  // Of the page's two languages, the one that it is in.
  function t(chinese, english) {
    return document.documentElement.lang === 'zh-CN' ? chinese : english;
  }

  function byId(id) {
    return document.getElementById(id);
  }

  var AWAY = t('服务器没有应答，正在重试。', 'The server does not answer; trying again.');
  var STATES = {
    pending: t('待发', 'pending'),
    delivered: t('已送达', 'delivered'),
    sent: t('已发送', 'sent'),
    skipped: t('已跳过', 'skipped'),
    failed: t('失败', 'failed'),
  };

  function whole(value) {
    var digits = String(Math.round(value));
    var groups = [];
    for (var end = digits.length; end > 0; end -= 3) groups.unshift(digits.slice(Math.max(0, end - 3), end));
    return groups.join(' ');
  }

  function fine(value) {
    return value >= 100 || value === Math.round(value) ? whole(value) : value.toFixed(1);
  }

  function milliseconds(value) {
    return fine(value) + ' ms';
  }

  function elapsed(seconds) {
    var days = Math.floor(seconds / 86400);
    var hours = Math.floor((seconds % 86400) / 3600);
    var minutes = Math.floor((seconds % 3600) / 60);
    if (days > 0) return days + t(' 天 ', ' d ') + hours + t(' 小时', ' h');
    if (hours > 0) return hours + t(' 小时 ', ' h ') + minutes + t(' 分', ' min');
    return minutes > 0 ? minutes + t(' 分', ' min') : Math.floor(seconds) + t(' 秒', ' s');
  }

  function chart(id, label, format, least) {
    var options = { label: label, points: POINTS, format: format, least: least, t: t };
    return new window.IMChart(byId(id), options);
  }

  var charts = {
    rate: chart('chart-rate', t('每秒消息数', 'Messages a second'), fine, 1),
    sockets: chart('chart-sockets', t('连接', 'Sockets'), whole, 2),
    latency: chart('chart-latency', t('数据库应答', 'Database answer'), milliseconds, 2),
  };

  var failed = new window.IMFailedNotices(byId('failed-panel'), t);
  var failedBefore = null;

  // ---- Asking -----------------------------------------------------------------------------------------------

  function turn() {
    var asked = key;
    window.IMAsk(key, 'GET', '/status', function (status, body) {
      if (key === null || key !== asked) return;
      if (status === 200) show(body);
      else if (status === 401 || status === 403) {
        leave(
          status === 401
            ? t('这不是本服务器的密钥。', "This key is not one of the server's.")
            : t('这个密钥不能查看运行状态。', 'This key may not see the status.')
        );
        return;
      } else stale();
      timer = setTimeout(turn, EVERY_MS);
    });
  }

  function stale() {
    var node = byId('state');
    node.textContent = AWAY;
    node.classList.add('stale');
    charts.rate.push(null);
    charts.sockets.push(null);
    charts.latency.push(null);
    before = null;
    if (byId('board').hidden) byId('key-error').textContent = AWAY;
  }

  function leave(why) {
    clearTimeout(timer);
    key = null;
    before = null;
    failedBefore = null;
    failed.clear();
    byId('board').hidden = true;
    byId('leave').hidden = true;
    byId('key-form').hidden = false;
    byId('state').textContent = '';
    byId('key-error').textContent = why;
    byId('key').value = '';
    byId('key').focus();
  }

  // ---- Showing ----------------------------------------------------------------------------------------------

  function show(status) {
    var at = Date.parse(status.time);
    var same = before !== null && before.process === status.process.id && at > before.at;
    var rate = same ? ((status.messages.total - before.total) * 1000) / (at - before.at) : null;
    before = { process: status.process.id, total: status.messages.total, at: at };

    byId('key-form').hidden = true;
    byId('key-error').textContent = '';
    byId('board').hidden = false;
    byId('leave').hidden = false;
    byId('state').classList.remove('stale');
    var clock = new Date(at).toLocaleTimeString(document.documentElement.lang);
    byId('state').textContent = t('截至 ', 'As of ') + clock;

    var sockets = status.sockets;
    byId('sockets').textContent = whole(sockets.doctor + sockets.patient);
    var types = t('医生 ', 'doctors ') + sockets.doctor + t('，患者 ', ', patients ') + sockets.patient;
    byId('sockets-note').textContent = types + t('，在线人数 ', ', people ') + status.users_online;
    byId('rate').textContent = rate === null ? '–' : fine(rate);
    byId('rate-note').textContent = t('启动以来 ', '') + whole(status.messages.total) + t('', ' since start');
    showCounts(status);

    charts.rate.push(rate);
    charts.sockets.push(sockets.doctor + sockets.patient);
    charts.latency.push(status.database.latency_ms);
    showPart('database', status.database);
    showPart('bus', status.bus);
    showProcess(status);
  }

  function showCounts(status) {
    var sessions = status.sessions;
    byId('sessions').textContent = sessions ? whole(sessions.total) : '–';
    byId('sessions-note').textContent = sessions
      ? whole(sessions.with_open_topic) + t(' 个有进行中的咨询', ' with an open topic')
      : '';
    var notices = status.notices;
    byId('waiting').textContent = notices ? whole(notices.pending) : '–';
    byId('waiting-note').textContent = notices
      ? t('失败 ', '') + whole(notices.failed) + t('', ' failed')
      : '';
    var channels = status.notices_by_channel || {};
    showBars('notices', channels.wechat || {});
    showBars('pushes', channels.getui || {});
    // The list is asked for when there is another number of them.
    if (notices && notices.failed !== failedBefore) failed.refresh(key);
    failedBefore = notices ? notices.failed : failedBefore;
    showBars('events', status.events || {});
  }

  function showBars(id, counts) {
    var list = byId(id);
    var states = Object.keys(counts);
    var most = states.reduce(function (highest, state) {
      return Math.max(highest, counts[state]);
    }, 1);
    while (list.firstChild) list.removeChild(list.firstChild);
    states.forEach(function (state) {
      var item = list.appendChild(document.createElement('li'));
      item.className = 'bar-' + state;
      item.appendChild(document.createElement('span')).textContent = STATES[state] || state;
      var track = item.appendChild(document.createElement('span'));
      track.className = 'bar-track';
      var fill = track.appendChild(document.createElement('span'));
      fill.className = 'bar-fill';
      fill.style.width = (counts[state] / most) * 100 + '%';
      var count = item.appendChild(document.createElement('span'));
      count.className = 'count';
      count.textContent = whole(counts[state]);
    });
  }

  function showPart(name, part) {
    var light = document.createElement('span');
    var cell = byId(name + '-state');
    light.className = part.ok ? 'light' : 'light light-bad';
    light.textContent = part.ok ? t('正常', 'up') : t('不可用', 'away');
    while (cell.firstChild) cell.removeChild(cell.firstChild);
    cell.appendChild(light);
    byId(name + '-where').textContent = part.description;
    byId(name + '-ms').textContent = part.latency_ms === null ? '–' : milliseconds(part.latency_ms);
  }

  function showProcess(status) {
    var facts = [
      [t('版本', 'Version'), status.version],
      [t('配置', 'Profile'), status.profile],
      [t('进程', 'Process'), status.process.id],
      [t('已运行', 'Up for'), elapsed(status.process.uptime_seconds)],
      [t('内存', 'Memory'), whole(status.process.memory_bytes / 1048576) + ' MiB'],
      [t('已推送', 'Pushed'), whole(status.pushes.sent || 0)],
      [
        t('文件', 'Files'),
        status.files ? whole(status.files.total) + ', ' + whole(status.files.bytes / 1048576) + ' MiB' : '–',
      ],
    ];
    var list = byId('process');
    while (list.firstChild) list.removeChild(list.firstChild);
    facts.forEach(function (fact) {
      var pair = list.appendChild(document.createElement('div'));
      pair.appendChild(document.createElement('dt')).textContent = fact[0];
      pair.appendChild(document.createElement('dd')).textContent = fact[1];
    });
  }

  byId('key-form').addEventListener('submit', function (event) {
    var given = byId('key').value.trim();
    event.preventDefault();
    byId('key-error').textContent = '';
    // No header can hold anything else.
    if (!/^[\x21-\x7e]+$/.test(given)) {
      leave(t('密钥只含可见的 ASCII 字符。', 'A key has visible ASCII characters only.'));
      return;
    }
    clearTimeout(timer);
    key = given;
    turn();
  });
  byId('leave').onclick = function () {
    leave('');
  };
  byId('key-form').hidden = false;
  byId('key').focus();
})(window);

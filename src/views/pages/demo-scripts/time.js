// Times for people. The wire's are ISO 8601 in UTC with milliseconds, so as text they sort as they came.
(function (window) {
  'use strict';

  var demo = window.IMDemo;
  var WEEKDAYS = ['星期日', '星期一', '星期二', '星期三', '星期四', '星期五', '星期六'];

  function two(value) {
    return value < 10 ? '0' + value : String(value);
  }

  function startOfDay(date) {
    return new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
  }

  // 0 today, 1 yesterday; days of a change of clocks have 23 or 25 hours.
  function daysAgo(date) {
    return Math.round((startOfDay(new Date()) - startOfDay(date)) / 86400000);
  }

  // 09:05
  function clock(iso) {
    var date = new Date(iso);
    return two(date.getHours()) + ':' + two(date.getMinutes());
  }

  // 今天 / 昨天 / 11月20日 星期四 / 2025年11月20日
  function day(iso) {
    var date = new Date(iso);
    var ago = daysAgo(date);
    if (ago === 0) return '今天';
    if (ago === 1) return '昨天';
    var text = date.getMonth() + 1 + '月' + date.getDate() + '日';
    if (date.getFullYear() !== new Date().getFullYear()) return date.getFullYear() + '年' + text;
    return text + ' ' + WEEKDAYS[date.getDay()];
  }

  // For a list: 09:05 / 昨天 / 11/20 / 2025/11/20
  function brief(iso) {
    var date = new Date(iso);
    var ago = daysAgo(date);
    if (ago === 0) return clock(iso);
    if (ago === 1) return '昨天';
    var text = date.getMonth() + 1 + '/' + date.getDate();
    return date.getFullYear() === new Date().getFullYear() ? text : date.getFullYear() + '/' + text;
  }

  // 75 → 1:15, 3675 → 1:01:15
  function duration(seconds) {
    var whole = Math.round(seconds);
    if (!(whole >= 0)) return '0:00';
    var minutes = Math.floor(whole / 60);
    var hours = Math.floor(minutes / 60);
    return (hours > 0 ? hours + ':' + two(minutes % 60) : minutes) + ':' + two(whole % 60);
  }

  // Calls back each time when another day has begun, by when 今天 has become 昨天. Gives back a function that ends that. A timer
  // stands still while a phone sleeps: so it looks every minute.
  function onNewDay(callback) {
    var today = startOfDay(new Date());
    var timer = window.setInterval(function () {
      var now = startOfDay(new Date());
      if (now === today) return;
      today = now;
      callback();
    }, 60000);
    return function () {
      window.clearInterval(timer);
    };
  }

  demo.time = { brief: brief, clock: clock, day: day, duration: duration, onNewDay: onNewDay };
})(window);

// The latest notices that failed, each with a button that sends it anew.
(function (window) {
  'use strict';

  var document = window.document;
  var AT_MOST = 20;
  var BASE = '/api/v2/application/notices';

  // t(chinese, english): a text in the page's language.
  window.IMFailedNotices = function (panel, t) {
    var list = panel.querySelector('ul');
    var CHANNELS = { wechat: t('微信', 'WeChat'), getui: t('应用推送', 'app push') };

    // The entries that are shown, by what they say: one that stays is left alone, and so is whoever stands on its button.
    var shown = {};

    // `aria-disabled`, since `disabled` would take the focus away.
    function resend(key, notice, button) {
      if (button.getAttribute('aria-disabled') === 'true') return;
      button.setAttribute('aria-disabled', 'true');
      window.IMAsk(key, 'POST', BASE + '/' + notice.id + '/resend', function (status) {
        if (status === 202) name(button, t('已重新排队', 'Queued again'), notice);
        else {
          name(button, t('失败，再试', 'Failed, try again'), notice);
          button.setAttribute('aria-disabled', 'false');
        }
      });
    }

    function name(button, text, notice) {
      button.textContent = text;
      button.setAttribute('aria-label', text + ' ' + notice.id);
    }

    function entry(key, notice) {
      var item = document.createElement('li');
      var what = item.appendChild(document.createElement('span'));
      what.textContent = [
        CHANNELS[notice.channel] || notice.channel,
        notice.user_id,
        notice.last_error || '',
        new Date(notice.update_time).toLocaleString(),
      ].join(' · ');
      var button = item.appendChild(document.createElement('button'));
      button.type = 'button';
      button.className = 'button button-small';
      name(button, t('重新发送', 'Send again'), notice);
      button.onclick = function () {
        resend(key, notice, button);
      };
      return item;
    }

    function show(key, notices) {
      var inside = list.contains(document.activeElement);
      var before = shown;
      shown = {};
      panel.hidden = notices.length === 0;
      notices.forEach(function (notice) {
        var id = notice.id + ' ' + notice.update_time;
        shown[id] = before[id] || entry(key, notice);
      });
      Object.keys(before).forEach(function (id) {
        if (!shown[id]) list.removeChild(before[id]);
      });
      var place = list.firstChild;
      Object.keys(shown).forEach(function (id) {
        if (shown[id] === place) place = place.nextSibling;
        else list.insertBefore(shown[id], place);
      });
      var next = list.querySelector('button') || document.getElementById('leave');
      if (inside && !list.contains(document.activeElement)) next.focus();
    }

    return {
      // Asks for them; without an answer the list stays as it is.
      refresh: function (key) {
        window.IMAsk(key, 'GET', BASE + '?state=failed&limit=' + AT_MOST, function (status, body) {
          if (status === 200 && body) show(key, body.items);
        });
      },
      clear: function () {
        show('', []);
      },
    };
  };
})(window);

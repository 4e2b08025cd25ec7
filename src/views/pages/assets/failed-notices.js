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

    function resend(key, notice, button) {
      button.disabled = true;
      window.IMAsk(key, 'POST', BASE + '/' + notice.id + '/resend', function (status) {
        if (status === 202) button.textContent = t('已重新排队', 'Queued again');
        else {
          button.textContent = t('失败，再试', 'Failed, try again');
          button.disabled = false;
        }
      });
    }

    function show(key, notices) {
      while (list.firstChild) list.removeChild(list.firstChild);
      panel.hidden = notices.length === 0;
      notices.forEach(function (notice) {
        var item = list.appendChild(document.createElement('li'));
        var what = item.appendChild(document.createElement('span'));
        what.textContent = [
          CHANNELS[notice.channel] || notice.channel,
          notice.user_id,
          notice.last_error || '',
          new Date(notice.update_time).toLocaleString(),
        ].join(' · ');
        var button = item.appendChild(document.createElement('button'));
        button.type = 'button';
        button.textContent = t('重新发送', 'Send again');
        button.setAttribute('aria-label', button.textContent + ' ' + notice.id);
        button.onclick = function () {
          resend(key, notice, button);
        };
      });
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

// What a message holds, as elements and in a few words. The API checks contents; here they are checked once more, for
// the platform's own writes pass it by.
(function (window) {
  'use strict';

  var demo = window.IMDemo;
  var el = demo.el;
  var icon = demo.icon;
  var DEEPEST_FORWARD = 3;

  function textOf(value) {
    return typeof value === 'string' ? value : '';
  }

  function secondsOf(value) {
    return typeof value === 'number' && value >= 0 && value < 1e6 ? value : 0;
  }

  function pixelsOf(value) {
    return typeof value === 'number' && value > 0 && value < 1e5 ? Math.round(value) : null;
  }

  function fieldsOf(message) {
    return demo.isObject(message.content) ? message.content : {};
  }

  // Before what a button is for, so that two of them have two names: 李慧的.
  function senderOf(message) {
    var name = textOf(message.sender_name);
    return name ? name + '的' : '';
  }

  // Where a picture, voice or film is: of a message that is on its way, in this browser.
  function addressOf(message) {
    return message.local || demo.httpUrl(fieldsOf(message).url);
  }

  // Without an address: uploaded by an earlier page, and not yet sent.
  function nowhere(message, text) {
    return unsupported(fieldsOf(message).file_id ? brief(message.type, message.content) : text);
  }

  function unsupported(text) {
    return el('span', { class: 'unsupported', text: text || '[无法显示的消息]' });
  }

  function textBody(message) {
    if (typeof message.content !== 'string') return unsupported();
    return el('span', { class: 'text', children: demo.withLinks(message.content) });
  }

  function pictureBody(message) {
    var content = fieldsOf(message);
    var url = addressOf(message);
    if (!url) return nowhere(message, '[图片地址无效]');
    var image = el('img', {
      class: 'picture',
      src: demo.httpUrl(content.thumbnail) || url,
      alt: senderOf(message) + '图片',
      width: pixelsOf(content.width),
      height: pixelsOf(content.height),
    });
    var link = demo.outLink(url, {
      class: 'picture-link',
      title: '查看原图',
      'aria-label': '查看' + senderOf(message) + '图片',
      children: [image],
    });
    image.onerror = function () {
      demo.empty(link);
      demo.append(link, [icon('picture'), el('span', { text: '图片无法加载' })]);
      link.className = 'media-missing';
    };
    return link;
  }

  // One voice is heard at a time.
  var playing = null;

  function stopVoice() {
    if (playing) playing();
  }

  function voiceBody(message) {
    var content = fieldsOf(message);
    var url = addressOf(message);
    var seconds = Math.round(secondsOf(content.duration));
    if (!url) return nowhere(message, '[语音地址无效]');
    var audio = null;
    var place = 'heard:' + message.session_id + ':' + message.id;
    var heard = !message.id || demo.storage.get(place) !== null;
    var button = el('button', {
      type: 'button',
      class: (heard ? '' : 'voice-unheard ') + 'voice voice-' + Math.min(6, 1 + Math.floor(seconds / 8)),
      'aria-label': '播放' + senderOf(message) + '语音，' + seconds + '秒',
      children: [icon('voice'), el('span', { class: 'voice-length', text: seconds + '″' })],
    });
    var stop = function () {
      audio.pause();
      button.classList.remove('playing');
      if (playing === stop) playing = null;
    };
    button.onclick = function () {
      if (!audio) {
        audio = new window.Audio(url);
        audio.onended = stop;
        audio.onerror = function () {
          stop();
          demo.toast('语音无法播放');
        };
      }
      if (playing === stop) return stop();
      stopVoice();
      playing = stop;
      audio.currentTime = 0;
      button.classList.add('playing');
      button.classList.remove('voice-unheard');
      if (message.id) demo.storage.set(place, '1');
      var started = audio.play();
      if (started && started.then) started.then(null, stop);
    };
    return button;
  }

  function filmBody(message) {
    var content = fieldsOf(message);
    var url = addressOf(message);
    if (!url) return nowhere(message, '[视频地址无效]');
    var seconds = secondsOf(content.duration);
    var length = seconds > 0 ? demo.time.duration(seconds) : '';
    var video = el('video', {
      class: 'film',
      src: url,
      poster: demo.httpUrl(content.cover),
      preload: 'none',
      playsinline: true,
      'aria-label': '小视频',
    });
    var start = el('button', {
      type: 'button',
      class: 'film-start',
      'aria-label': '播放' + senderOf(message) + '小视频' + (length && '，' + length),
      children: [icon('play'), length && el('span', { class: 'film-length', text: length })],
    });
    start.onclick = function () {
      start.hidden = true;
      video.controls = true;
      video.focus();
      var started = video.play();
      if (started && started.then) started.then(null, failed);
    };
    var failed = function () {
      start.hidden = false;
      video.controls = false;
      demo.toast('视频无法播放');
    };
    return el('span', { class: 'film-frame', children: [video, start] });
  }

  function cardBody(message) {
    var content = fieldsOf(message);
    var url = addressOf(message);
    var image = demo.httpUrl(content.image);
    var article = message.type === 4;
    var what = article ? '健康文章' : '点击打开';
    var title = textOf(content.title) || '[无标题]';
    var summary = textOf(content.summary);
    var parts = [
      image && el('img', { class: 'card-image', src: image, alt: '' }),
      el('span', { class: 'card-title', text: title }),
      summary && el('span', { class: 'card-summary', text: summary }),
      el('span', {
        class: 'card-kind',
        children: [icon(url ? 'link' : 'warning'), url ? what : '地址无效，打不开'],
      }),
    ];
    var kind = 'card ' + (article ? 'card-article' : 'card-jump');
    if (url) return demo.outLink(url, { class: kind, children: parts });
    return el('span', { class: kind + ' card-dead', children: parts });
  }

  function forwardBody(message, depth) {
    var inner = fieldsOf(message).message;
    if (!demo.isObject(inner) || depth >= DEEPEST_FORWARD) return unsupported('[转发的消息]');
    var from = el('span', { class: 'forward-from', text: '转发自 ' + textOf(inner.sender_name) });
    return el('span', { class: 'forward', children: [from, body(inner, depth + 1)] });
  }

  var CALL_RESULTS = {
    completed: '视频通话',
    cancelled: '视频通话已取消',
    rejected: '视频通话被拒绝',
    missed: '视频通话无人接听',
  };

  function callText(message) {
    var content = fieldsOf(message);
    var result = demo.own(CALL_RESULTS, content.result) || '视频通话';
    if (content.result !== 'completed') return result;
    return result + ' ' + demo.time.duration(secondsOf(content.duration));
  }

  function callBody(message) {
    return el('span', { class: 'call-record', children: [icon('call'), callText(message)] });
  }

  // The inside of a bubble, for a message that is shown in one.
  function body(message, depth) {
    switch (message.type) {
      case 1:
      case 10:
        return textBody(message);
      case 2:
      case 9:
        return pictureBody(message);
      case 3:
        return voiceBody(message);
      case 4:
      case 5:
        return cardBody(message);
      case 8:
        return forwardBody(message, depth || 0);
      case 12:
        return filmBody(message);
      case 14:
        return callBody(message);
      default:
        return isLine(message) ? el('span', { class: 'text', text: lineText(message) }) : unsupported();
    }
  }

  // Taken back: nobody sees any more what it held.
  function isTakenBack(message) {
    return message.content === null;
  }

  // What is said by nobody in particular, in the middle: the platform's messages, a topic's start and end, what was taken
  // back.
  function isLine(message) {
    return isTakenBack(message) || message.type === 0 || message.type === 6 || message.type === 7;
  }

  // `POST /users/:user_id/notices` writes `{title?, content}`, `content` text or an object; other systems write `text`.
  function noticeText(fields) {
    var said = demo.isObject(fields.content) ? textOf(fields.content.text) : textOf(fields.content);
    return [textOf(fields.title), said || textOf(fields.text)].filter(Boolean).join('：');
  }

  function lineText(message) {
    var content = message.content;
    if (isTakenBack(message)) return '消息已撤回';
    if (message.type === 6) return '咨询开始 · ' + textOf(fieldsOf(message).name);
    if (message.type === 7) return '咨询结束 · ' + textOf(fieldsOf(message).name);
    if (typeof content === 'string') return content;
    return noticeText(fieldsOf(message)) || '[系统消息]';
  }

  var BRIEFS = { 2: '[图片]', 3: '[语音]', 5: '[链接]', 8: '[转发的消息]', 9: '[图片]', 12: '[视频]' };

  // In a few words, for a list.
  function brief(type, content) {
    var message = { type: type, content: content };
    if (isTakenBack(message)) return '消息已撤回';
    if (type === 1 || type === 10) return textOf(content);
    if (type === 14) return '[' + callText(message) + ']';
    if (type === 4 || type === 5) {
      var title = textOf(fieldsOf(message).title);
      return (type === 4 ? '[文章] ' : '[链接] ') + title;
    }
    if (isLine(message)) return lineText(message);
    return demo.own(BRIEFS, type) || '[消息]';
  }

  // Whether the bubble is the content itself, without a frame of its own.
  function isBare(message) {
    return [2, 4, 5, 9, 12].indexOf(message.type) >= 0;
  }

  demo.content = {
    body: body,
    brief: brief,
    isBare: isBare,
    isLine: isLine,
    isTakenBack: isTakenBack,
    lineText: lineText,
    stopVoice: stopVoice,
  };
})(window);

// One message as a list item: a line in the middle, or a bubble with face, name, time and receipt.
(function (window) {
  'use strict';

  var demo = window.IMDemo;
  var el = demo.el;

  // A consultation begins with what the patient wrote as 情况说明, where `topicOf(id)` knows it.
  function description(message, topicOf) {
    var id = message.type === 6 && demo.isObject(message.content) ? message.content.topic_id : null;
    var topic = typeof id === 'string' ? topicOf(id) : null;
    if (!topic || !topic.description) return null;
    return el('p', {
      class: 'line-description',
      children: [
        el('strong', { text: '情况说明' }),
        el('span', { class: 'text', children: demo.withLinks(topic.description) }),
      ],
    });
  }

  function line(message, topicOf) {
    var kinds = { 0: 'system', 6: 'start', 7: 'end' };
    var text = el('span', { class: 'line-text', text: demo.content.lineText(message) });
    var time = el('time', {
      datetime: message.timestamp,
      text: demo.time.clock(message.timestamp),
    });
    return el('li', {
      class: 'line-item',
      'data-id': String(message.id),
      'data-key': String(message.id),
      children: [
        el('div', { class: 'line line-' + kinds[message.type], children: [text, time] }),
        description(message, topicOf),
      ],
    });
  }

  // Who took it back, where that was its sender.
  function takenBackText(message, people) {
    var by = message.recalled ? message.recalled.by : null;
    if (by === people.me.id) return '你撤回了一条消息';
    if (by === null || by !== message.sender_id) return '消息已撤回';
    if (people.others().length <= 1) return '对方撤回了一条消息';
    return people.find(by, message.sender_name).name + '撤回了一条消息';
  }

  function takenBack(message, people, more) {
    var rewrite = more.rewriteOf ? more.rewriteOf(message) : null;
    var again = { type: 'button', class: 'link-button', text: '重新编辑', on: { click: rewrite } };
    var text = el('span', { class: 'line-text', text: takenBackText(message, people) });
    return el('li', {
      class: 'line-item',
      'data-id': String(message.id),
      'data-key': String(message.id),
      children: [
        el('div', {
          class: 'line line-recalled',
          children: [text, rewrite ? el('button', again) : null],
        }),
      ],
    });
  }

  function nameOf(person, mine, people) {
    var role = people.roleOf(person);
    var tag = role && !mine ? el('span', { class: 'role role-' + person.type, text: role }) : null;
    var name = el('span', { class: 'message-sender', text: mine ? '我' : String(person.name) });
    return el('span', { class: 'message-name', children: [name, tag] });
  }

  function bubble(message, mine) {
    var bare = demo.content.isBare(message);
    var tail = message.type === 10 ? el('span', { class: 'bubble-note', text: '咨询结束语' }) : null;
    return el('div', {
      class: 'bubble bubble-' + message.type + (bare ? ' bubble-bare' : '') + (mine ? ' bubble-mine' : ''),
      children: [tail, demo.content.body(message)],
    });
  }

  // What the message answers to, above it. `onQuote(id)` leads there.
  function quoteLine(quote, onQuote) {
    if (!quote) return null;
    var said = quote.text === null ? '原消息已撤回或删除' : quote.text;
    var text = String(quote.sender_name) + '：' + said;
    if (!onQuote || quote.text === null) return el('span', { class: 'quote', text: text });
    return el('button', {
      type: 'button',
      class: 'quote',
      'aria-label': '引用的消息，' + text,
      title: '查看原消息',
      text: text,
      on: {
        click: function () {
          onQuote(quote.id);
        },
      },
    });
  }

  function moreButton() {
    var button = demo.iconButton('menu', '消息操作', { class: 'message-more' });
    button.setAttribute('aria-haspopup', 'menu');
    button.tabIndex = -1;
    return button;
  }

  function shell(person, mine, people, parts) {
    var main = [nameOf(person, mine, people)].concat(parts);
    return el('li', {
      class: 'message ' + (mine ? 'mine' : 'theirs'),
      children: [demo.avatar(person), el('div', { class: 'message-main', children: main })],
    });
  }

  // A stored message. Gives back `{node, receipt}`; `receipt` is where 已读 goes, on messages of one's own.
  // `topicOf(id)`: the topic, where it is known. `links`, where the page has them: `onQuote(id)`, `rewriteOf(message)`.
  function stored(message, people, topicOf, links) {
    var more = links || {};
    if (demo.content.isTakenBack(message)) return { node: takenBack(message, people, more), receipt: null };
    if (demo.content.isLine(message)) return { node: line(message, topicOf), receipt: null };
    var mine = message.sender_id === people.me.id;
    var person = people.find(message.sender_id, message.sender_name);
    var receipt = mine ? el('span', { class: 'receipt' }) : null;
    var time = el('time', { datetime: message.timestamp, text: demo.time.clock(message.timestamp) });
    var meta = el('div', { class: 'message-meta', children: [receipt, time] });
    var framed = el('div', {
      class: 'bubble-row',
      children: [bubble(message, mine), links ? moreButton() : null],
    });
    var node = shell(person, mine, people, [quoteLine(message.reply_to, more.onQuote), framed, meta]);
    node.setAttribute('data-id', String(message.id));
    node.setAttribute('data-key', String(message.id));
    return { node: node, receipt: receipt };
  }

  function actionButton(text, which, click) {
    return el('button', {
      type: 'button',
      class: 'link-button',
      'aria-label': text + which,
      text: text,
      on: { click: click },
    });
  }

  // A file that is on its way to the server.
  function uploading(entry, people, actions) {
    var which = '：' + demo.content.brief(entry.type, entry.content);
    var bar = el('progress', { max: '1', value: '0', 'aria-label': '上传进度' + which });
    var parts = [
      quoteLine(entry.quote, null),
      bubble(entry, true),
      el('div', { class: 'message-meta', children: [bar, actionButton('取消', which, actions.discard)] }),
    ];
    var node = shell(people.find(people.me.id, people.me.name), true, people, parts);
    node.classList.add('uploading');
    node.setAttribute('data-client-msg-id', entry.client_msg_id);
    node.setAttribute('data-key', entry.client_msg_id);
    entry.onProgress = function (share) {
      bar.value = share;
    };
    return node;
  }

  // A message that is on its way, or was given up.
  function unsent(entry, people, actions) {
    var failed = entry.state === 'failed';
    if (entry.state === 'uploading') return uploading(entry, people, actions);
    var which = '：' + demo.content.brief(entry.type, entry.content);
    var meta = failed
      ? [
          el('span', { class: 'failed-text', children: [demo.icon('warning'), '未发送：' + entry.problem] }),
          actionButton('重试', which, actions.retry),
          actionButton('删除', which, actions.discard),
        ]
      : [el('span', { class: 'spinner', 'aria-hidden': 'true' }), el('span', { text: '发送中…' })];
    var parts = [
      quoteLine(entry.quote, null),
      bubble(entry, true),
      el('div', { class: 'message-meta', children: meta }),
    ];
    var node = shell(people.find(people.me.id, people.me.name), true, people, parts);
    node.classList.add(failed ? 'failed' : 'pending');
    node.setAttribute('data-client-msg-id', entry.client_msg_id);
    node.setAttribute('data-key', entry.client_msg_id);
    return node;
  }

  demo.messageNode = { stored: stored, unsent: unsent };
})(window);

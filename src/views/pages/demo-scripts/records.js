// 咨询记录: a session's consultations, and each with what was written at its start and said in it.
(function (window) {
  'use strict';

  var document = window.document;
  var demo = window.IMDemo;
  var el = demo.el;
  var PAGE = 100;

  function when(topic) {
    var text = demo.time.day(topic.create_time) + ' ' + demo.time.clock(topic.create_time) + ' 开始';
    if (!topic.end_time) return text;
    var by = topic.end_by_name ? '，' + topic.end_by_name : '，';
    return text + by + ' ' + demo.time.day(topic.end_time) + ' ' + demo.time.clock(topic.end_time) + ' 结束';
  }

  // One consultation as an entry that opens.
  function item(topic, open) {
    var time = el('time', { datetime: topic.create_time, text: demo.time.day(topic.create_time) });
    var button = el('button', {
      type: 'button',
      class: 'topic-item',
      children: [
        el('span', { class: 'topic-name', text: topic.name }),
        topic.description ? el('span', { class: 'topic-description', text: topic.description }) : null,
        el('span', { class: 'topic-line', children: [time, demo.topics.badge(topic)] }),
      ],
      on: {
        click: function () {
          open(topic);
        },
      },
    });
    return el('li', { 'data-key': topic.id, children: [button] });
  }

  function show(client, topic, people) {
    var list = el('ol', { class: 'message-list record-messages' });
    var more = el('button', { type: 'button', class: 'link-button', text: '正在加载…' });
    var record = el('div', {
      class: 'record',
      tabindex: '0',
      'aria-label': '咨询消息',
      children: [list, more],
    });
    var last = 0;
    var loading = false;
    var topicOf = function () {
      return null;
    };
    var load = function () {
      if (loading) return;
      loading = true;
      demo.focus.enable(more, false);
      client.sessions
        .topicMessages(topic.session_id, topic.id, { after: last, limit: PAGE })
        .done(function (page) {
          var isAsked = document.activeElement === more;
          var nodes = page.items.map(function (message) {
            last = message.id;
            return demo.messageNode.stored(message, people, topicOf).node;
          });
          demo.append(list, nodes);
          if (isAsked) demo.focus.moveTo(nodes[0] || record);
          more.hidden = !page.more;
          more.textContent = '查看后面的消息';
        })
        .fail(function () {
          more.textContent = '加载失败，点击重试';
        })
        .always(function () {
          loading = false;
          demo.focus.enable(more, true);
        });
    };
    more.onclick = load;
    demo.dialog.show(topic.name, [
      el('p', { class: 'record-when', children: [when(topic) + ' ', demo.topics.badge(topic)] }),
      topic.description
        ? el('p', { class: 'record-description', children: demo.withLinks('情况说明：' + topic.description) })
        : null,
      record,
    ]);
    load();
  }

  // All of a session's consultations, newest first.
  function list(client, sessionId, people) {
    var entries = el('ul', { class: 'topic-list' });
    var more = el('button', { type: 'button', class: 'link-button', text: '更早的咨询', hidden: true });
    var record = el('div', { class: 'record', children: [entries, more] });
    var close = demo.dialog.show('咨询记录', [record]);
    var open = function (topic) {
      close();
      show(client, topic, people);
    };
    var loading = false;
    var load = function (cursor) {
      if (loading) return;
      loading = true;
      demo.focus.enable(more, false);
      client.sessions
        .topics({ session_id: sessionId, limit: PAGE, cursor: cursor })
        .done(function (page) {
          var isAsked = document.activeElement === more;
          var nodes = page.items.map(function (topic) {
            return item(topic, open);
          });
          demo.append(entries, nodes);
          if (isAsked && nodes[0]) nodes[0].querySelector('button').focus();
          more.hidden = page.next === null;
          more.onclick = function () {
            load(page.next);
          };
        })
        .fail(function (error) {
          entries.appendChild(el('li', { class: 'none', text: demo.failureText(error) }));
        })
        .always(function () {
          loading = false;
          demo.focus.enable(more, true);
        });
    };
    load(undefined);
  }

  demo.records = { item: item, list: list, show: show };
})(window);

// The bar that says which consultation is open and how it stands, with what starts and ends one.
(function (window) {
  'use strict';

  var demo = window.IMDemo;
  var el = demo.el;

  function randomId() {
    return 'demo-topic-' + new Date().getTime().toString(36) + Math.random().toString(36).slice(2, 8);
  }

  // 待回复 / 已回复 / 已结束
  function stateOf(topic) {
    if (topic.status === 10) return { text: '已结束', kind: 'ended' };
    return topic.reply === 1 ? { text: '已回复', kind: 'replied' } : { text: '待回复', kind: 'waiting' };
  }

  function badge(topic) {
    var state = stateOf(topic);
    return el('span', { class: 'badge badge-' + state.kind, text: state.text });
  }

  function start(client, sessionId, input, onDone) {
    // The same id when it is tried again: one consultation, whatever became of the first try.
    var id = randomId();
    demo.dialog.ask({
      title: '发起咨询',
      fields: [
        { name: 'name', label: '咨询主题', maxlength: '100' },
        { name: 'description', label: '情况说明', maxlength: '2000', long: true, optional: true },
      ],
      submit: '发起',
      onSubmit: function (values) {
        var topic = { session_id: sessionId, name: values.name };
        if (values.description) topic.description = values.description;
        return client.sessions.startTopic(id, topic).done(onDone);
      },
      next: input,
    });
  }

  function end(client, topic, composer, onDone) {
    demo.dialog.ask({
      title: '结束咨询',
      text: '“' + topic.name + '”将标记为已结束，对方会看到结束语。',
      fields: [{ name: 'message', label: '结束语', maxlength: '5000', long: true, optional: true }],
      submit: '结束咨询',
      danger: true,
      onSubmit: function (values) {
        var body = values.message ? { message: values.message } : {};
        return client.sessions.endTopic(topic.session_id, topic.id, body).done(function (ended) {
          onDone(ended);
          // The server writes no second closing word.
          if (!values.message || ended.end_by === client.userId) return;
          composer.write(values.message);
          demo.toast('咨询已由对方结束，您的结束语没有发出');
        });
      },
    });
  }

  // The bar in `node`; `composer` is where one writes.
  function TopicBar(node, client, composer) {
    var self = this;
    this._node = node;
    this._client = client;
    this._composer = composer;
    this._shown = null;
    this._update = demo.unpressed(node, function () {
      self._draw(self._shown);
    });
  }

  // Shows the session's latest topic, or null. Among doctors nobody consults. onDone(): one was started or ended here.
  TopicBar.prototype.show = function (session, topic, people, onDone) {
    this._shown = { session: session, topic: topic, people: people, onDone: onDone };
    this._update();
  };

  TopicBar.prototype._draw = function (shown) {
    var client = this._client;
    var composer = this._composer;
    var bar = this._node;
    var topic = shown.topic;
    var open = topic !== null && topic.status !== 10;
    var button = el('button', {
      type: 'button',
      class: 'button button-small',
      text: open ? '结束咨询' : '发起咨询',
      on: {
        click: function () {
          if (open) end(client, topic, composer, shown.onDone);
          else start(client, shown.session.id, composer.input, shown.onDone);
        },
      },
    });
    // The name alone: what the patient wrote with it stands at the consultation's start, and in its record.
    var name = open
      ? el('button', {
          type: 'button',
          class: 'topic-name topic-open-record',
          title: '查看这次咨询',
          text: topic.name,
          on: {
            click: function () {
              demo.records.show(client, topic, shown.people);
            },
          },
        })
      : el('span', { class: 'topic-name', text: '当前没有进行中的咨询' });
    var all = el('button', {
      type: 'button',
      class: 'link-button topic-records',
      text: '记录',
      'aria-label': '咨询记录',
      title: '咨询记录',
      on: {
        click: function () {
          demo.records.list(client, shown.session.id, shown.people);
        },
      },
    });
    bar.hidden = shown.session.type === 0 || (!open && shown.session.business_type !== 2);
    bar.classList.toggle('topic-open', open);
    demo.focus.keep(bar, function () {
      demo.append(demo.empty(bar), [name, open && badge(topic), topic !== null && all, button]);
    });
  };

  demo.topics = { badge: badge, stateOf: stateOf };
  demo.TopicBar = TopicBar;
})(window);

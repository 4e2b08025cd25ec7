/* global window, IMClient */
// The page's side of the SDK tests: one client, a log of its events, and a log of what became of its sends.
window.page = {
  client: null,
  events: [],
  sends: [],

  make: function (options) {
    var names =
      'open message notification read recall typing topic topic_overdue participants reconnecting close error pending failed';
    var calls = ' call_invite call_accept call_taken call_signal call_ended';
    window.page.client = new IMClient(options);
    (names + calls).split(' ').forEach(function (name) {
      window.page.client.on(name, function (data) {
        window.page.events.push({ name: name, data: data });
      });
    });
  },

  // What the call gave back, its promise awaited; a rejection as `{ rejected }`.
  call: function (group, name, args) {
    var owner = group ? window.page.client[group] : window.page.client;
    var result = owner[name].apply(owner, args);
    if (result === window.page.client) return 'the client';
    if (!result || !result.then) return result;
    return new Promise(function (resolve) {
      result.then(resolve, function (error) {
        resolve({ rejected: error });
      });
    });
  },

  send: function (message) {
    var record = { content: message.content, state: 'pending' };
    window.page.sends.push(record);
    window.page.client
      .send(message)
      .done(function (stored) {
        record.state = 'stored';
        record.value = stored;
      })
      .fail(function (error) {
        record.state = 'rejected';
        record.value = error;
      });
  },
};

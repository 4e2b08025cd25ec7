// What the page has sent and has no answer to yet, over all sessions, and what was given up. The SDK does the sending
// and repeating; this remembers what to show, also when the page is closed on the way: the next one goes on, under the
// same ids.
(function (window) {
  'use strict';

  var demo = window.IMDemo;

  // onChange(sessionId), onStored(message)
  function Outbox(client, handlers) {
    this._client = client;
    this._handlers = handlers;
    this._entries = [];
    // Uploads go one after the other, so that pictures are sent in the order in which they were chosen.
    this._uploads = [];
    this._uploading = null;
    this._place = 'unsent:' + client.userId + ':';
    this._askBeforeLeaving();
  }

  // Texts outlive the page, files do not: whoever leaves it before they are uploaded is asked first.
  Outbox.prototype._askBeforeLeaving = function () {
    var self = this;
    window.addEventListener('beforeunload', function (event) {
      var holdsFiles = self._entries.some(function (entry) {
        return entry.file;
      });
      if (!holdsFiles) return;
      event.preventDefault();
      event.returnValue = '';
    });
  };

  // Takes up what an earlier page left. To be called once, when whoever it tells is there.
  Outbox.prototype.resume = function () {
    var self = this;
    // Their names begin with the time of sending: so they are in its order.
    var names = demo.storage.names(this._place).sort();
    names.forEach(function (name) {
      var entry = parsed(demo.storage.get(name));
      if (!demo.isObject(entry) || typeof entry.session_id !== 'string') return;
      self._entries.push(entry);
      if (entry.state !== 'failed') self._submit(entry);
    });
  };

  function parsed(text) {
    try {
      return JSON.parse(text);
      // eslint-disable-next-line no-unused-vars -- ES5 has no catch without a name
    } catch (error) {
      return null;
    }
  }

  Outbox.prototype._keep = function (entry) {
    demo.storage.set(this._place + entry.client_msg_id, JSON.stringify(entry, kept));
  };

  // The file itself, and what shows it here, do not outlive the page.
  function kept(name, value) {
    return name === 'file' || name === 'local' || name === 'upload' ? undefined : value;
  }

  Outbox.prototype._drop = function (entry) {
    this._entries.splice(this._entries.indexOf(entry), 1);
    if (entry.local) window.URL.revokeObjectURL(entry.local);
    demo.storage.set(this._place + entry.client_msg_id, '');
  };

  Outbox.prototype.of = function (sessionId) {
    return this._entries.filter(function (entry) {
      return entry.session_id === sessionId;
    });
  };

  // `after`: the id of the newest message in the session by now; null: it is not known.
  Outbox.prototype.send = function (sessionId, message, after) {
    var entry = {
      session_id: sessionId,
      type: message.type,
      content: message.content,
      reply_to: message.quote ? message.quote.id : null,
      quote: message.quote || null,
      after: after,
      client_msg_id: newId(),
      state: 'sending',
      problem: '',
    };
    this._entries.push(entry);
    this._submit(entry);
  };

  // Under the same id: should the first attempt have been stored after all, it stays one message. `after` as for send(). Gives
  // back whether the session went on since the last attempt.
  Outbox.prototype.retry = function (id, after) {
    var entry = this._find(id);
    var isLater = !!entry && entry.after !== after;
    if (entry) entry.after = after;
    if (entry && entry.file) this._upload(entry);
    else if (entry) this._submit(entry);
    return isLater;
  };

  Outbox.prototype.discard = function (id) {
    var entry = this._find(id);
    if (!entry) return;
    this._drop(entry);
    if (entry.upload) entry.upload.abort();
    this._handlers.onChange(entry.session_id);
  };

  // A file: uploaded first, then sent. `seconds`: how long it plays, where that is known. `quote`: what it answers to. `after` as
  // for send().
  Outbox.prototype.sendFile = function (sessionId, file, seconds, quote, after) {
    var self = this;
    var type = demo.media.typeOf(file);
    var entry = {
      session_id: sessionId,
      type: type,
      content: type === 5 ? { title: file.name } : { duration: seconds || 0 },
      reply_to: quote ? quote.id : null,
      quote: quote,
      after: after,
      client_msg_id: newId(),
      state: 'uploading',
      problem: '',
      file: file,
      local: window.URL.createObjectURL(file),
    };
    this._entries.push(entry);
    this._handlers.onChange(sessionId);
    if (seconds) return this._upload(entry);
    demo.media.secondsOf(file, entry.local).done(function (measured) {
      entry.content.duration = type === 5 ? undefined : measured;
      self._upload(entry);
    });
  };

  Outbox.prototype._upload = function (entry) {
    entry.state = 'uploading';
    this._uploads.push(entry);
    this._handlers.onChange(entry.session_id);
    this._nextUpload();
  };

  Outbox.prototype._nextUpload = function () {
    var self = this;
    if (this._uploading) return;
    var entry = this._uploads.shift();
    if (!entry) return;
    // Discarded meanwhile.
    if (this._entries.indexOf(entry) < 0) return this._nextUpload();
    this._uploading = entry;
    entry.upload = this._client.upload(entry.file, {
      onProgress: function (loaded, total) {
        if (entry.onProgress) entry.onProgress(total > 0 ? loaded / total : 0);
      },
    });
    entry.upload.then(
      function (file) {
        self._uploaded(entry, file);
      },
      function (error) {
        self._uploadFailed(entry, error);
      }
    );
  };

  Outbox.prototype._uploaded = function (entry, file) {
    var there = this._entries.indexOf(entry) >= 0;
    this._uploading = entry.upload = null;
    entry.file = null;
    var content = { file_id: file.id };
    if (entry.type === 5) content.title = entry.content.title;
    else if (entry.type !== 2) content.duration = entry.content.duration || file.duration || 0;
    entry.content = content;
    if (there) this._submit(entry);
    this._nextUpload();
  };

  Outbox.prototype._uploadFailed = function (entry, error) {
    this._uploading = entry.upload = null;
    if (this._entries.indexOf(entry) >= 0) {
      entry.state = 'failed';
      entry.problem = error.code === 'payload_too_large' ? '文件太大' : demo.failureText(error);
      this._handlers.onChange(entry.session_id);
    }
    this._nextUpload();
  };

  Outbox.prototype._submit = function (entry) {
    var self = this;
    entry.state = 'sending';
    this._keep(entry);
    this._handlers.onChange(entry.session_id);
    var sent = {
      session_id: entry.session_id,
      type: entry.type,
      content: entry.content,
      reply_to: entry.reply_to,
      client_msg_id: entry.client_msg_id,
    };
    this._client
      .send(sent)
      .done(function (message) {
        entry.state = 'stored';
        entry.message = message;
        self._drop(entry);
        self._handlers.onStored(message);
        self._handlers.onChange(entry.session_id);
      })
      .fail(function (error) {
        entry.state = 'failed';
        entry.problem = demo.failureText(error);
        self._keep(entry);
        self._handlers.onChange(entry.session_id);
      });
  };

  Outbox.prototype._find = function (id) {
    return this._entries.filter(function (entry) {
      return entry.client_msg_id === id;
    })[0];
  };

  function newId() {
    var text = 'demo-' + new Date().getTime().toString(36);
    for (var i = 0; i < 4; i++) text += '-' + Math.random().toString(36).slice(2, 8);
    return text;
  }

  // When newId() made it, in milliseconds; NaN: something else did.
  function timeOf(id) {
    var time = /^demo-([0-9a-z]+)-/.exec(id);
    return time ? parseInt(time[1], 36) : NaN;
  }

  // Whether `message` is newer than the attempt to send `entry`. Where it is not known after which message that was, as of
  // what an older page left, the time decides.
  Outbox.isBefore = function (entry, message) {
    if (typeof entry.after === 'number') return message.id > entry.after;
    return new Date(message.timestamp).getTime() > timeOf(entry.client_msg_id);
  };

  demo.Outbox = Outbox;
})(window);

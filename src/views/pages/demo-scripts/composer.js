// Where one writes: text that grows with its lines, and a menu for everything that is no text.
(function (window) {
  'use strict';

  var demo = window.IMDemo;
  var el = demo.el;
  var MAX_HEIGHT_PX = 132;
  // `typing` is said again this often while somebody types, and taken back this long after the last key.
  var TYPING_EVERY_MS = 3000;
  var TYPING_ENDS_MS = 5000;

  // root: the form. options: {me, onSend(message), onTyping(bool), onFind(),
  //   onFile(file, seconds, quote)}
  function Composer(root, options) {
    var self = this;
    this.root = root;
    this.options = options;
    this.input = root.querySelector('textarea');
    this._session = null;
    this._quote = null;
    this._saidAt = 0;
    this._timer = null;
    this._quoteBar = root.querySelector('[data-part="quote"]');
    this._menu();
    this._recording();
    this._listen();
    demo.media.watch(root.parentNode, this.input, function (files) {
      self._files(files);
    });
  }

  Composer.prototype._listen = function () {
    var self = this;
    this.root.addEventListener('submit', function (event) {
      event.preventDefault();
      self._send();
    });
    this.input.addEventListener('input', function () {
      self._fit();
      self._keep();
      self._typing(self.input.value !== '');
    });
    // The browser cuts off what is too long, and does not say so.
    this.input.addEventListener('paste', function (event) {
      var input = self.input;
      var text = event.clipboardData ? event.clipboardData.getData('text/plain') : '';
      var left = input.maxLength - input.value.length + input.selectionEnd - input.selectionStart;
      if (text.length > left) demo.toast('最多' + input.maxLength + '字，超出的部分没有粘贴');
    });
    this.input.addEventListener('blur', function () {
      self._typing(false);
    });
    this.input.addEventListener('keydown', function (event) {
      // Enter that ends a word in an input method is no sending.
      var composing = event.isComposing || event.keyCode === 229;
      if (event.key !== 'Enter' || event.shiftKey || composing) return;
      event.preventDefault();
      self._send();
    });
  };

  Composer.prototype._send = function () {
    var text = this.input.value;
    if (text.trim() === '') return;
    this.input.value = '';
    this._fit();
    this._keep();
    this._typing(false);
    this.options.onSend({ type: 1, content: text, quote: this._takeQuote() });
    this.input.focus();
  };

  // What is sent now answers to it, and what comes after does not.
  Composer.prototype._takeQuote = function () {
    var quote = this._quote;
    this.quote(null);
    return quote;
  };

  // What is sent next answers to that message; null: to none.
  Composer.prototype.quote = function (quote) {
    var self = this;
    var left = this._quoteBar.contains(window.document.activeElement);
    var bar = demo.empty(this._quoteBar);
    this._quote = quote;
    if (left) this.input.focus();
    bar.hidden = quote === null;
    if (quote === null) return;
    var away = function () {
      self.quote(null);
      self.input.focus();
    };
    demo.append(bar, [
      el('span', { class: 'quote-text', text: '引用 ' + quote.sender_name + '：' + quote.text }),
      demo.iconButton('close', '取消引用', { click: away }),
    ]);
    this.input.focus();
  };

  // What is quoted here was taken back: its text is not to be shown any more.
  Composer.prototype.recalled = function (id) {
    if (this._quote && this._quote.id === id) this.quote(null);
  };

  // Writes a text that was taken back anew, behind what stands there.
  Composer.prototype.write = function (text) {
    this.input.value += (this.input.value === '' ? '' : '\n') + text;
    this._fit();
    this._keep();
    this.input.focus();
  };

  Composer.prototype._fit = function () {
    var input = this.input;
    input.style.height = 'auto';
    input.style.height = Math.min(MAX_HEIGHT_PX, input.scrollHeight) + 'px';
    this.root.classList.toggle('has-text', input.value.trim() !== '');
  };

  Composer.prototype._typing = function (typing) {
    var self = this;
    var now = new Date().getTime();
    clearTimeout(this._timer);
    if (!typing) {
      if (this._saidAt) this.options.onTyping(false);
      this._saidAt = 0;
      return;
    }
    if (now - this._saidAt > TYPING_EVERY_MS) {
      this._saidAt = now;
      this.options.onTyping(true);
    }
    this._timer = setTimeout(function () {
      self._typing(false);
    }, TYPING_ENDS_MS);
  };

  // Each session has its own draft, which outlasts the page.
  Composer.prototype.use = function (sessionId) {
    this._typing(false);
    this._session = sessionId;
    this.quote(null);
    this.input.value = demo.storage.get(this._draft()) || '';
    this._fit();
  };

  Composer.prototype._draft = function () {
    return 'draft:' + this.options.me.id + ':' + this._session;
  };

  Composer.prototype._keep = function () {
    if (this._session !== null) demo.storage.set(this._draft(), this.input.value);
  };

  Composer.prototype.enable = function (enabled) {
    Array.prototype.forEach.call(this.root.elements, function (control) {
      control.disabled = !enabled;
    });
  };

  // ---- Everything but text -----------------------------------------------------------------------------------

  // Files that were chosen, dropped or pasted, in their order.
  Composer.prototype._files = function (files) {
    var self = this;
    files.forEach(function (file) {
      if (demo.media.typeOf(file) === null) demo.toast('不支持这种文件：' + file.name);
      else self.options.onFile(file, undefined, self._takeQuote());
    });
  };

  Composer.prototype._pick = function (accept, several) {
    var self = this;
    demo.media.pick(accept, several, function (files) {
      self._files(files);
    });
  };

  // The button to hold, in the place of the menu.
  Composer.prototype._voice = function (shown) {
    if (!shown) this._recorder.cancel();
    this._voiceBar.hidden = !shown;
    if (shown) this._voiceBar.querySelector('[data-part="hold"]').focus();
  };

  Composer.prototype._recording = function () {
    var self = this;
    this._voiceBar = this.root.querySelector('[data-part="voice"]');
    this._recorder = new demo.Recorder(this._voiceBar.querySelector('[data-part="hold"]'), function (
      blob,
      seconds
    ) {
      self.options.onFile(blob, seconds, self._takeQuote());
    });
    this._voiceBar.querySelector('[data-part="voice-close"]').onclick = function () {
      self._voice(false);
      self.input.focus();
    };
  };

  var KINDS = [
    {
      icon: 'picture',
      name: '图片',
      choose: function (composer) {
        composer._pick('image/*', true);
      },
    },
    {
      icon: 'mic',
      name: '语音',
      choose: function (composer) {
        composer._voice(true);
      },
    },
    {
      icon: 'film',
      name: '小视频',
      choose: function (composer) {
        composer._pick('video/*', false);
      },
    },
    {
      icon: 'link',
      name: '文章',
      fields: function () {
        return [
          { name: 'title', label: '标题', value: '高血压患者的饮食', maxlength: '300' },
          { name: 'summary', label: '摘要', value: '少盐、少油、多吃蔬菜。', long: true, optional: true },
          { name: 'url', label: '文章地址', type: 'url', value: window.location.origin + '/' },
        ];
      },
      message: function (values) {
        var content = { title: values.title, url: values.url };
        if (values.summary) content.summary = values.summary;
        return { type: 4, content: content };
      },
    },
    {
      icon: 'search',
      name: '查找记录',
      choose: function (composer) {
        composer.options.onFind();
      },
    },
  ];

  Composer.prototype._menu = function () {
    var self = this;
    var toggle = this.root.querySelector('[data-part="attach"]');
    var menu = this.root.querySelector('[data-part="attach-menu"]');
    var show = function (shown) {
      menu.hidden = !shown;
      toggle.setAttribute('aria-expanded', shown ? 'true' : 'false');
      self.root.classList.toggle('menu-open', shown);
    };
    KINDS.forEach(function (kind) {
      var choose = function () {
        show(false);
        toggle.focus();
        if (kind.choose) return kind.choose(self);
        demo.dialog.ask({
          title: '发送' + kind.name,
          fields: kind.fields(),
          submit: '发送',
          onSubmit: function (values) {
            var message = kind.message(values);
            message.quote = self._takeQuote();
            self.options.onSend(message);
          },
          next: self.input,
        });
      };
      var label = el('span', { text: kind.name });
      var children = [demo.icon(kind.icon), label];
      var options = { type: 'button', class: 'attach-kind', on: { click: choose }, children: children };
      menu.appendChild(el('button', options));
    });
    toggle.addEventListener('click', function () {
      self._voice(false);
      show(menu.hidden);
      if (!menu.hidden) menu.firstChild.focus();
    });
    window.document.addEventListener('click', function (event) {
      if (!menu.hidden && !menu.contains(event.target) && !toggle.contains(event.target)) show(false);
    });
    this.root.addEventListener('keydown', function (event) {
      if (event.key !== 'Escape' || menu.hidden) return;
      show(false);
      toggle.focus();
    });
  };

  demo.Composer = Composer;
})(window);

// Building the page. Whatever a message, a name or a URL holds reaches the document as text, or as an address
// that was checked: nothing here takes markup.
(function (window) {
  'use strict';

  var document = window.document;
  var demo = (window.IMDemo = window.IMDemo || {});
  var SVG = 'http://www.w3.org/2000/svg';
  var OWN_MEDIA = '/demo/assets/';
  var END_OF_SENTENCE = ".,;:!?'()[]{}";

  // Paths for a 24 x 24 box, drawn as strokes.
  var ICONS = {
    back: 'M15 5l-7 7 7 7',
    call: 'M4 7h10v10H4z M14 11l6-4v10l-6-4',
    'call-end': 'M3 14c5-5 13-5 18 0l-2 3-4-1v-3a10 10 0 0 0-6 0v3l-4 1z',
    camera: 'M4 7h10v10H4z M14 11l6-4v10l-6-4',
    check: 'M5 13l4 4L19 7',
    close: 'M6 6l12 12 M18 6L6 18',
    copy: 'M9 9h11v11H9z M15 9V4H4v11h5',
    down: 'M12 5v14 M6 13l6 6 6-6',
    film: 'M10 8l6 4-6 4z M4 5h16v14H4z',
    info: 'M12 11v6 M12 7v.5 M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z',
    list: 'M4 6h16 M4 12h16 M4 18h10',
    link: 'M10 14a4 4 0 0 0 6 0l3-3a4 4 0 0 0-6-6l-1 1 M14 10a4 4 0 0 0-6 0l-3 3a4 4 0 0 0 6 6l1-1',
    menu: 'M5 12h.01 M12 12h.01 M19 12h.01',
    mic: 'M12 3a3 3 0 0 1 3 3v6a3 3 0 0 1-6 0V6a3 3 0 0 1 3-3z M6 11a6 6 0 0 0 12 0 M12 17v4',
    next: 'M9 5l7 7-7 7',
    pause: 'M9 6v12 M15 6v12',
    people:
      'M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7z M2.5 20a6.5 6.5 0 0 1 13 0 M16 4.5a3.5 3.5 0 0 1 0 6 M18 14a6 6 0 0 1 3.5 6',
    picture: 'M4 5h16v14H4z M4 16l5-5 4 4 2-2 5 5 M15.5 9.5v.01',
    pin: 'M9 4h6l-1 6 3 3H7l3-3z M12 13v7',
    play: 'M8 5l11 7-11 7z',
    plus: 'M12 5v14 M5 12h14',
    quote: 'M10 7H5v6h4c0 2-1 3-3 4 M19 7h-5v6h4c0 2-1 3-3 4',
    search: 'M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14z M16 16l4 4',
    send: 'M4 12l16-8-6 16-3-7z',
    undo: 'M9 6L4 11l5 5 M4 11h10a5 5 0 0 1 0 10h-3',
    voice: 'M6 9.5a4 4 0 0 1 0 5 M9.5 7a8 8 0 0 1 0 10 M13 4.5a12 12 0 0 1 0 15',
    warning: 'M12 8v5 M12 16.5v.5 M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z',
  };

  // An element. `text` is its text, `children` are nodes and strings, `on` handlers by event; all else attributes,
  // left out where undefined, null or false.
  function el(tag, options) {
    var node = document.createElement(tag);
    var given = options || {};
    Object.keys(given).forEach(function (name) {
      var value = given[name];
      if (value === undefined || value === null || value === false) return;
      if (name === 'text') node.textContent = value;
      else if (name === 'children') append(node, value);
      else if (name === 'on') listen(node, value);
      else node.setAttribute(name, value === true ? '' : value);
    });
    return node;
  }

  function append(node, children) {
    children.forEach(function (child) {
      if (child === undefined || child === null || child === false) return;
      node.appendChild(typeof child === 'string' ? document.createTextNode(child) : child);
    });
    return node;
  }

  function listen(node, handlers) {
    Object.keys(handlers).forEach(function (event) {
      node.addEventListener(event, handlers[event], false);
    });
  }

  function empty(node) {
    while (node.firstChild) node.removeChild(node.firstChild);
    return node;
  }

  // Makes `wanted` the children of `list`. What stays is not touched: moving it would stop a film, and a click
  // that has begun there would come to nothing.
  function place(list, wanted) {
    var child = list.firstChild;
    while (child) {
      var following = child.nextSibling;
      if (wanted.indexOf(child) < 0) list.removeChild(child);
      child = following;
    }
    child = list.firstChild;
    wanted.forEach(function (node) {
      if (node === child) child = child.nextSibling;
      else list.insertBefore(node, child);
    });
  }

  function icon(name) {
    var svg = document.createElementNS(SVG, 'svg');
    var path = document.createElementNS(SVG, 'path');
    svg.setAttribute('viewBox', '0 0 24 24');
    svg.setAttribute('class', 'icon icon-' + name);
    svg.setAttribute('aria-hidden', 'true');
    svg.setAttribute('focusable', 'false');
    path.setAttribute('d', ICONS[name]);
    svg.appendChild(path);
    return svg;
  }

  // A button with an icon and its label: beside it, or for screen readers and as a tooltip alone.
  function iconButton(name, label, options) {
    var given = options || {};
    var shown = given.shown;
    return el('button', {
      type: given.type || 'button',
      'data-key': given.key,
      class: 'button ' + (shown ? '' : 'button-icon ') + (given.class || ''),
      'aria-label': shown ? null : label,
      title: shown ? null : label,
      on: given.click ? { click: given.click } : {},
      children: [icon(name), shown ? el('span', { text: label }) : null],
    });
  }

  // Where `value` leads, if that is an http(s) address; else null. `javascript:` and all the rest never get further.
  // The demo's own media stand in messages with the host and port of the day when the demo was made: they load from
  // wherever this page came from.
  function httpUrl(value) {
    if (typeof value !== 'string' || !/^https?:\/\//i.test(value)) return null;
    var link = document.createElement('a');
    link.href = value;
    if (link.protocol !== 'http:' && link.protocol !== 'https:') return null;
    if (link.pathname.indexOf(OWN_MEDIA) === 0) return window.location.origin + link.pathname;
    return link.href;
  }

  // `text` as nodes: addresses in it are links. Chinese text goes on right behind an address, so only ASCII belongs to
  // one, and a full stop or bracket at its end does not.
  function withLinks(text) {
    var nodes = [];
    var rest = 0;
    var pattern = /https?:\/\/[!#-;=?-~]+/gi;
    for (var found = pattern.exec(text); found; found = pattern.exec(text)) {
      var address = found[0];
      while (END_OF_SENTENCE.indexOf(address.charAt(address.length - 1)) >= 0) address = address.slice(0, -1);
      var url = httpUrl(address);
      if (!url) continue;
      nodes.push(text.slice(rest, found.index), outLink(url, { class: 'text-link', text: address }));
      rest = found.index + address.length;
    }
    nodes.push(text.slice(rest));
    return nodes;
  }

  // A link out of the page, to an address that `httpUrl` gave.
  function outLink(url, options) {
    var given = options || {};
    given.href = url;
    given.target = '_blank';
    given.rel = 'noopener noreferrer';
    return el('a', given);
  }

  function isObject(value) {
    return typeof value === 'object' && value !== null && !(value instanceof Array);
  }

  // Ids come from outside, and `__proto__` is a valid one: as keys of an object they carry a prefix.
  function key(id) {
    return ':' + id;
  }

  // What `object` itself has by that name.
  function own(object, name) {
    return Object.prototype.hasOwnProperty.call(object, name) ? object[name] : undefined;
  }

  // For the time a sentence takes to read, in a strip of its own that covers nothing: below the messages, or where the
  // page shows none, below the list.
  function toast(text) {
    var places = Array.prototype.filter.call(document.querySelectorAll('.toasts'), function (each) {
      return each.parentNode.offsetParent !== null && window.getComputedStyle(each).visibility === 'visible';
    });
    var place = places[places.length - 1];
    if (!place) return;
    var node = el('p', { class: 'toast', text: text });
    place.appendChild(node);
    setTimeout(function () {
      if (node.parentNode) node.parentNode.removeChild(node);
    }, 5000);
  }

  // What the server, or the SDK, says of a failure, for people.
  function failureText(error) {
    var known = {
      conflict: '当前状态不允许这样做',
      forbidden: '没有权限',
      not_found: '不存在，或您已不在其中',
      payload_too_large: '内容太长',
      rate_limited: '操作太频繁，请稍候',
      unauthenticated: '登录已失效',
      unsupported_media_type: '不支持这种文件',
      unavailable: '网络或服务器暂时不可用',
      validation_failed: '内容不符合要求',
    };
    var code = error && error.code;
    return own(known, code) || '出错了，请重试';
  }

  demo.el = el;
  demo.append = append;
  demo.empty = empty;
  demo.icon = icon;
  demo.iconButton = iconButton;
  demo.httpUrl = httpUrl;
  demo.outLink = outLink;
  demo.place = place;
  demo.withLinks = withLinks;
  demo.isObject = isObject;
  demo.key = key;
  demo.own = own;
  demo.toast = toast;
  demo.failureText = failureText;
})(window);

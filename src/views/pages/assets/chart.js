// A small line chart over time, drawn as SVG.
(function (window) {
  'use strict';

  var document = window.document;
  var SVG = 'http://www.w3.org/2000/svg';
  var WIDTH = 300;
  var HEIGHT = 100;

  function shape(tag, kind) {
    var node = document.createElementNS(SVG, tag);
    node.setAttribute('class', kind);
    return node;
  }

  // A round number at or above `value`, for the scale's top: 1, 2, 5, 10, 20, …
  function roundAbove(value) {
    var power = Math.pow(10, Math.floor(Math.log(value) / Math.LN10));
    var steps = [1, 2, 5, 10];
    for (var i = 0; i < steps.length; i++) if (steps[i] * power >= value) return steps[i] * power;
    return 10 * power;
  }

  // options: {label, points (how many fit), format(value), least (the scale's smallest top), t(chinese, english)}
  function Chart(place, options) {
    this._options = options;
    this._values = [];
    this._svg = shape('svg', 'chart');
    this._svg.setAttribute('viewBox', '0 0 ' + WIDTH + ' ' + HEIGHT);
    this._svg.setAttribute('preserveAspectRatio', 'none');
    this._svg.setAttribute('role', 'img');
    for (var i = 0; i <= 2; i++) this._grid((i * HEIGHT) / 2);
    this._area = this._svg.appendChild(shape('path', 'chart-area'));
    this._line = this._svg.appendChild(shape('path', 'chart-line'));
    this._scale = document.createElement('div');
    this._scale.className = 'chart-scale';
    this._from = this._scale.appendChild(document.createElement('span'));
    this._top = this._scale.appendChild(document.createElement('span'));
    place.appendChild(this._svg);
    place.appendChild(this._scale);
  }

  Chart.prototype._grid = function (y) {
    var line = this._svg.appendChild(shape('line', 'chart-grid'));
    line.setAttribute('x1', 0);
    line.setAttribute('x2', WIDTH);
    line.setAttribute('y1', y);
    line.setAttribute('y2', y);
  };

  // The next value; null where there is none.
  Chart.prototype.push = function (value) {
    this._values.push(value);
    if (this._values.length > this._options.points) this._values.shift();
    this._draw();
  };

  Chart.prototype._draw = function () {
    var options = this._options;
    var values = this._values;
    var known = values.filter(function (value) {
      return value !== null;
    });
    var highest = known.length > 0 ? Math.max.apply(null, known) : 0;
    var top = roundAbove(Math.max(highest, options.least));
    var step = WIDTH / (options.points - 1);
    var start = WIDTH - (values.length - 1) * step;
    var line = '';
    var area = '';
    var open = null;
    var close = function (x) {
      if (open !== null) area += ' L' + x + ' ' + HEIGHT + ' L' + open + ' ' + HEIGHT + ' Z';
      open = null;
    };
    var x = start;
    values.forEach(function (value, index) {
      if (value === null) return close(x);
      x = start + index * step;
      var point = x.toFixed(2) + ' ' + (HEIGHT - (value / top) * HEIGHT).toFixed(2);
      line += (open === null ? ' M' : ' L') + point;
      area += (open === null ? ' M' : ' L') + point;
      if (open === null) open = x;
    });
    close(x);
    this._line.setAttribute('d', line);
    this._area.setAttribute('d', area);
    var last = values[values.length - 1];
    var latest = last === null ? options.t('无应答', 'no answer') : options.format(last);
    var now = options.t('当前 ', 'now ') + latest;
    this._from.textContent = now;
    this._top.textContent = options.t('刻度上限 ', 'scale to ') + options.format(top);
    var most =
      options.t('，打开本页以来最高 ', ', at most since this page was opened: ') + options.format(highest);
    this._svg.setAttribute('aria-label', options.label + options.t('：', ': ') + now + most);
  };

  window.IMChart = Chart;
})(window);

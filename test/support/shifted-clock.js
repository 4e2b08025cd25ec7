// Loaded by `node --require`: the process's wall clock goes wrong by CLOCK_SHIFT_MS, as that of a machine without NTP.
/* global process */
'use strict';
const shift = Number(process.env.CLOCK_SHIFT_MS);
const RightDate = Date;

globalThis.Date = class extends RightDate {
  constructor(...parts) {
    if (parts.length === 0) super(RightDate.now() + shift);
    else super(...parts);
  }

  static now() {
    return RightDate.now() + shift;
  }
};

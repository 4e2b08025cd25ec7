import { IncomingMessage, ServerResponse } from 'node:http';
import { type Express } from 'express';

/** Names that are never used. */
type Places = Record<string, number>;

/** Node's constructors are plain functions, which initialise any object. */
const initRequest = IncomingMessage as unknown as (this: unknown, socket: unknown) => void;
const initResponse = ServerResponse as unknown as (this: unknown, request: unknown, options: unknown) => void;

/**
 * Express gives every request and response another prototype, which makes Node's own code on them slow from then on.
 * Made with that prototype from the start, they are changed no more, and the same app costs about half.
 *
 * V8 gives an object as many places for properties as it sees assignments in its constructor. Here Node's constructors do
 * the assigning, so without more of them it would see none, and every request and response would be a dictionary, made
 * in 2 µs instead of 0.1 and slow ever after. So each constructor holds assignments that are never done.
 */
export function nativeClasses(app: Express) {
  // prettier-ignore
  function ImRequest(this: Places, socket: unknown) {
    if (socket === undefined) {
      this.a = this.b = this.c = this.d = this.e = this.f = this.g = this.h = this.i = this.j = this.k = this.l = 0;
      this.m = this.n = this.o = this.p = this.q = this.r = this.s = this.t = this.u = this.v = this.w = this.x = 0;
      this.A = this.B = this.C = this.D = this.E = this.F = this.G = this.H = this.I = this.J = this.K = this.L = 0;
    }
    initRequest.call(this, socket);
  }
  ImRequest.prototype = app.request;
  // prettier-ignore
  function ImResponse(this: Places, request: unknown, options: unknown) {
    if (request === undefined) {
      this.a = this.b = this.c = this.d = this.e = this.f = this.g = this.h = this.i = this.j = this.k = this.l = 0;
      this.m = this.n = this.o = this.p = this.q = this.r = this.s = this.t = this.u = this.v = this.w = this.x = 0;
      this.A = this.B = this.C = this.D = this.E = this.F = this.G = this.H = this.I = this.J = this.K = this.L = 0;
      this.M = this.N = this.O = this.P = this.Q = this.R = this.S = this.T = this.U = this.V = this.W = this.X = 0;
    }
    initResponse.call(this, request, options);
  }
  ImResponse.prototype = app.response;
  return {
    IncomingMessage: ImRequest as unknown as typeof IncomingMessage,
    ServerResponse: ImResponse as unknown as typeof ServerResponse,
  };
}

/** A participant as far as sending is concerned. */
export interface Member {
  id: string;
  type: 'doctor' | 'patient';
}

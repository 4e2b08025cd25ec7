/** Defaults of the `prod` profile. The database, the app key and the token secret have none: an operator chooses them. */
export const prod = {
  IM_PORT: '3000',
  IM_HOST: '0.0.0.0',
  IM_FILES: 'off',
};

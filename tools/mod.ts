/** The features this server offers. A new tool is one import and one entry in the list. */

import type { Feature } from '../server/tool.ts';
import { account } from './account.ts';
import { countdown } from './countdown.ts';
import { echo } from './echo.ts';
import { weather } from './weather.ts';

/** The knobs that features need; features read no environment themselves. */
export interface Knobs {
  MCP_GEOCODING_URL?: string | undefined;
  MCP_FORECAST_URL?: string | undefined;
}

export function features(knobs: Knobs): Feature[] {
  return [
    echo,
    countdown,
    account,
    ...weather({ geocodingUrl: knobs.MCP_GEOCODING_URL, forecastUrl: knobs.MCP_FORECAST_URL }),
  ];
}

import { type Locale, TEXTS } from './texts.ts'

const BY_TAG = new Map(Object.keys(TEXTS).map((tag) => [tag.toLowerCase(), tag as Locale]))

// Where several languages share a country, the one most people there read. Where none of ours is that, and where
// businesses write to everybody in English (India, the Philippines, South Africa …), English.
const COUNTRIES: Partial<Record<Locale, string>> = {
  ar: 'AE BH DJ DZ EG EH IQ JO KM KW LB LY MA MR OM PS QA SA SD SO SY TD TN YE',
  bg: 'BG',
  bn: 'BD',
  ca: 'AD',
  cs: 'CZ',
  da: 'DK FO GL',
  de: 'AT CH DE LI',
  el: 'CY GR',
  'en-GB': 'GB GG GI IM JE',
  es: 'AR BO CL CO CR CU DO EC ES GQ GT HN MX NI PA PE PR PY SV UY VE',
  et: 'EE',
  fi: 'FI',
  fr: 'BF BI BJ BL CD CF CG CI CM FR GA GF GN GP HT LU MC MF MG ML MQ NC NE PF PM RE SN TG WF YT',
  ka: 'GE',
  he: 'IL',
  hr: 'BA HR',
  hu: 'HU',
  id: 'ID',
  it: 'IT SM VA',
  ja: 'JP',
  ko: 'KR',
  lt: 'LT',
  ms: 'BN MY',
  nb: 'NO SJ',
  nl: 'AW BE BQ CW NL SR SX',
  pl: 'PL',
  pt: 'AO CV GW MZ PT ST TL',
  'pt-BR': 'BR',
  ro: 'MD RO',
  ru: 'BY KG KZ RU TJ UZ',
  sk: 'SK',
  sv: 'AX SE',
  th: 'TH',
  tr: 'TR',
  uk: 'UA',
  vi: 'VN',
  'zh-CN': 'CN',
  'zh-HK': 'HK MO TW',
}

const BY_COUNTRY = new Map(
  Object.entries(COUNTRIES).flatMap(([locale, countries]) =>
    countries.split(' ').map((country) => [country, locale as Locale]),
  ),
)

/**
 * The language to write in: the tag that was asked for, in any case and with `-` or `_`, else the one of the
 * number's country (ISO 3166 alpha-2), else English. Undefined if one was asked for that we do not write.
 */
export function resolveLocale(
  requested: string | undefined,
  country: string | undefined,
): Locale | undefined {
  if (requested !== undefined) return BY_TAG.get(requested.toLowerCase().replaceAll('_', '-'))
  return BY_COUNTRY.get(country ?? '') ?? 'en'
}

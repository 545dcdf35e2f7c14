/** What a person reads or hears in one language. */
export interface Texts {
  sms: string
  /** The same, and a warning. In few words where a message holds 70 characters. */
  doNotShare: string
  /** For a payment: binds the code to the amount and the payee. */
  psd2: string
  /** Read out by a machine; says the code twice. */
  call: string
}

// Keep every {placeholder}; they may change places. Phones look for the code as a word of its own, so no letter may
// touch {code} in a message. One SMS holds 160 characters of the GSM alphabet (which has é and ñ, but not ó or ç), or
// 70 of any other: the tests say which language keeps to which, and how much room that leaves for the name.
const english: Texts = {
  sms: 'Your {name} verification code is: {code}',
  doNotShare:
    "Your {name} verification code is: {code}. Don't share this code with anyone; our employees will never ask for the code",
  psd2: 'Your {name} code to pay {amount} to {payee} is: {code}',
  call: 'Hello. Your {name} verification code is: {code}. Once again, your code is: {code}. Goodbye.',
}

const simplifiedChinese: Texts = {
  sms: '您的 {name} 验证码是：{code}',
  doNotShare: '您的 {name} 验证码是：{code}。请勿告诉任何人。',
  psd2: '您正在通过 {name} 向 {payee} 支付 {amount}，验证码是：{code}',
  call: '您好。您的 {name} 验证码是：{code}。再说一遍，您的验证码是：{code}。再见。',
}

/** Every text in every language, by language tag. `{name}` is the service's. E-mail is in English only. */
export const TEXTS = {
  af: {
    sms: 'Jou {name}-verifikasiekode is: {code}',
    doNotShare:
      'Jou {name}-verifikasiekode is: {code}. Moenie dit met enigiemand deel nie; ons personeel sal nooit daarvoor vra nie',
    psd2: 'Jou {name}-kode om {amount} aan {payee} te betaal is: {code}',
    call: 'Hallo. Jou {name}-verifikasiekode is: {code}. Weer eens, jou kode is: {code}. Totsiens.',
  },
  ar: {
    sms: 'رمز التحقق لدى {name} هو: {code}',
    doNotShare: 'رمز {name} هو: {code}. لا تشاركه مع أحد.',
    psd2: 'رمز {name} لدفع {amount} إلى {payee} هو: {code}',
    call: 'مرحبا. رمز التحقق لدى {name} هو: {code}. مرة أخرى، الرمز هو: {code}. مع السلامة.',
  },
  bg: {
    sms: 'Вашият код за {name} е: {code}',
    doNotShare: 'Код за {name}: {code}. Не го споделяйте.',
    psd2: 'Вашият код от {name} за плащане на {amount} към {payee} е: {code}',
    call: 'Здравейте. Вашият код за {name} е: {code}. Отново, вашият код е: {code}. Довиждане.',
  },
  bn: {
    sms: 'আপনার {name} যাচাইকরণ কোড: {code}',
    doNotShare: '{name} কোড: {code}। এটি কাউকে জানাবেন না।',
    psd2: '{payee}-কে {amount} দেওয়ার জন্য আপনার {name} কোড: {code}',
    call: 'হ্যালো। আপনার {name} যাচাইকরণ কোড হল: {code}। আবার বলছি, আপনার কোড হল: {code}। ধন্যবাদ।',
  },
  ca: {
    sms: 'El teu codi per a {name} és: {code}',
    doNotShare:
      "El teu codi per a {name} és: {code}. No el comparteixis; el nostre personal mai no te'l demanarà",
    psd2: 'El teu codi de {name} per pagar {amount} a {payee} és: {code}',
    call: 'Hola. El teu codi de verificació per a {name} és: {code}. Repetim, el teu codi és: {code}. Adeu.',
  },
  cs: {
    sms: 'Váš ověřovací kód {name}: {code}',
    doNotShare: 'Váš kód {name}: {code}. Nikomu ho nesdělujte.',
    psd2: 'Váš kód {name} k platbě {amount} pro {payee}: {code}',
    call: 'Dobrý den. Váš ověřovací kód {name} je: {code}. Ještě jednou, váš kód je: {code}. Na shledanou.',
  },
  da: {
    sms: 'Din bekræftelseskode til {name} er: {code}',
    doNotShare:
      'Din bekræftelseskode til {name} er: {code}. Del den ikke med nogen; vores medarbejdere beder aldrig om koden',
    psd2: 'Din kode fra {name} til at betale {amount} til {payee} er: {code}',
    call: 'Hej. Din bekræftelseskode til {name} er: {code}. Igen, din kode er: {code}. Farvel.',
  },
  de: {
    sms: 'Ihr {name}-Bestätigungscode lautet: {code}',
    doNotShare:
      'Ihr {name}-Bestätigungscode lautet: {code}. Geben Sie ihn an niemanden weiter; unsere Mitarbeiter fragen nie danach',
    psd2: 'Ihr {name}-Code für die Zahlung von {amount} an {payee} lautet: {code}',
    call: 'Guten Tag. Ihr {name}-Bestätigungscode lautet: {code}. Noch einmal, Ihr Code lautet: {code}. Auf Wiederhören.',
  },
  el: {
    sms: 'Ο κωδικός σας για {name} είναι: {code}',
    doNotShare: 'Κωδικός {name}: {code}. Μην τον δώσετε πουθενά.',
    psd2: 'Ο κωδικός σας {name} για πληρωμή {amount} προς {payee} είναι: {code}',
    call: 'Γεια σας. Ο κωδικός επαλήθευσης για {name} είναι: {code}. Επαναλαμβάνουμε, ο κωδικός σας είναι: {code}. Αντίο.',
  },
  en: english,
  'en-GB': english,
  es: {
    sms: 'Tu clave de un solo uso para {name} es: {code}',
    doNotShare:
      'Tu clave de un solo uso para {name} es: {code}. No la compartas con nadie; nuestro personal nunca te la va a pedir',
    psd2: 'Tu clave de {name} para pagar {amount} a {payee} es: {code}',
    call: 'Hola. Tu código de verificación para {name} es: {code}. Repetimos, tu código es: {code}. Adiós.',
  },
  et: {
    sms: 'Teie {name} kinnituskood on: {code}',
    doNotShare:
      'Teie {name} kinnituskood on: {code}. Ärge jagage seda kellegagi; meie töötajad ei küsi seda kunagi',
    psd2: 'Teie {name} kood {amount} maksmiseks saajale {payee} on: {code}',
    call: 'Tere. Teie {name} kinnituskood on: {code}. Veel kord, teie kood on: {code}. Head aega.',
  },
  fi: {
    sms: '{name}-vahvistuskoodisi on: {code}',
    doNotShare:
      '{name}-vahvistuskoodisi on: {code}. Älä kerro koodia kenellekään; henkilökuntamme ei koskaan kysy sitä',
    psd2: '{name}-koodisi maksuun {amount}, saaja {payee}, on: {code}',
    call: 'Hei. {name}-vahvistuskoodisi on: {code}. Toistan, koodisi on: {code}. Näkemiin.',
  },
  fr: {
    sms: 'Votre code de vérification {name} est : {code}',
    doNotShare:
      'Votre code de vérification {name} est : {code}. Ne le partagez avec personne ; nos employés ne le demandent jamais',
    psd2: 'Votre code {name} pour payer {amount} à {payee} est : {code}',
    call: 'Bonjour. Votre code de vérification {name} est : {code}. Je répète, votre code est : {code}. Au revoir.',
  },
  gu: {
    sms: 'તમારો {name} ચકાસણી કોડ છે: {code}',
    doNotShare: '{name} કોડ: {code}. તે કોઈને કહેશો નહીં.',
    psd2: '{payee} ને {amount} ચૂકવવા માટે તમારો {name} કોડ છે: {code}',
    call: 'નમસ્તે. તમારો {name} ચકાસણી કોડ છે: {code}. ફરીથી, તમારો કોડ છે: {code}. આભાર.',
  },
  he: {
    sms: 'קוד האימות שלך ב-{name} הוא: {code}',
    doNotShare: 'הקוד שלך ב-{name} הוא: {code}. אין למסור אותו.',
    psd2: 'הקוד שלך ב-{name} לתשלום {amount} אל {payee} הוא: {code}',
    call: 'שלום. קוד האימות שלך ב-{name} הוא: {code}. שוב, הקוד שלך הוא: {code}. להתראות.',
  },
  hi: {
    sms: 'आपका {name} सत्यापन कोड है: {code}',
    doNotShare: '{name} कोड: {code}। इसे किसी को न बताएं।',
    psd2: '{payee} को {amount} के भुगतान के लिए आपका {name} कोड है: {code}',
    call: 'नमस्ते। आपका {name} सत्यापन कोड है: {code}। फिर से, आपका कोड है: {code}। धन्यवाद।',
  },
  hr: {
    sms: 'Kod za potvrdu za {name} je: {code}',
    doNotShare: 'Kod za potvrdu za {name} je: {code}. Ne dijelite ga ni s kim.',
    psd2: 'Kod za {name} za uplatu {amount} primatelju {payee} je: {code}',
    call: 'Dobar dan. Vaš kod za potvrdu za {name} je: {code}. Ponavljamo, vaš kod je: {code}. Doviđenja.',
  },
  hu: {
    sms: 'Az Ön {name} ellenőrző kódja: {code}',
    doNotShare: 'Az Ön {name} kódja: {code}. Ne adja meg senkinek!',
    psd2: 'Az Ön {name} kódja {amount} fizetéséhez, kedvezményezett {payee}: {code}',
    call: 'Jó napot! Az Ön {name} ellenőrző kódja: {code}. Megismétlem, az Ön kódja: {code}. Viszonthallásra.',
  },
  id: {
    sms: 'Kode verifikasi {name} Anda: {code}',
    doNotShare:
      'Kode verifikasi {name} Anda: {code}. Jangan berikan kode ini kepada siapa pun; staf kami tidak akan pernah memintanya',
    psd2: 'Kode {name} Anda untuk membayar {amount} kepada {payee}: {code}',
    call: 'Halo. Kode verifikasi {name} Anda adalah: {code}. Sekali lagi, kode Anda adalah: {code}. Sampai jumpa.',
  },
  it: {
    sms: 'Il tuo codice di verifica {name} è: {code}',
    doNotShare:
      'Il tuo codice di verifica {name} è: {code}. Non condividerlo con nessuno; il nostro personale non lo chiede mai',
    psd2: 'Il tuo codice {name} per pagare {amount} a {payee} è: {code}',
    call: 'Ciao. Il tuo codice di verifica {name} è: {code}. Ripeto, il tuo codice è: {code}. Arrivederci.',
  },
  ja: {
    sms: '{name} の認証コード: {code}',
    doNotShare: '{name} の認証コード: {code}。誰にも教えないでください。',
    psd2: '{name}：{payee} への {amount} のお支払いの認証コード: {code}',
    call: 'こんにちは。{name} の認証コードは、{code}、です。繰り返します。認証コードは、{code}、です。失礼いたします。',
  },
  ka: {
    sms: '{name}: თქვენი დადასტურების კოდია: {code}',
    doNotShare: '{name}: თქვენი კოდია: {code}. არავის გაუზიაროთ.',
    psd2: '{name}: {payee}, გადასახდელი {amount}. დადასტურების კოდი: {code}',
    call: 'გამარჯობა. {name}: თქვენი დადასტურების კოდია: {code}. კიდევ ერთხელ, თქვენი კოდია: {code}. ნახვამდის.',
  },
  kn: {
    sms: 'ನಿಮ್ಮ {name} ಪರಿಶೀಲನಾ ಕೋಡ್: {code}',
    doNotShare: '{name} ಕೋಡ್: {code}. ಇದನ್ನು ಯಾರಿಗೂ ಹೇಳಬೇಡಿ.',
    psd2: '{payee} ಗೆ {amount} ಪಾವತಿಸಲು ನಿಮ್ಮ {name} ಕೋಡ್: {code}',
    call: 'ನಮಸ್ಕಾರ. ನಿಮ್ಮ {name} ಪರಿಶೀಲನಾ ಕೋಡ್: {code}. ಮತ್ತೊಮ್ಮೆ, ನಿಮ್ಮ ಕೋಡ್: {code}. ಧನ್ಯವಾದಗಳು.',
  },
  ko: {
    sms: '{name} 인증번호: {code}',
    doNotShare: '{name} 인증번호: {code}. 타인에게 절대 알려주지 마세요.',
    psd2: '{name} 결제 인증번호 ({payee}, {amount}): {code}',
    call: '안녕하세요. {name} 인증번호는, {code}, 입니다. 다시 한번 말씀드립니다. 인증번호는, {code}, 입니다. 감사합니다.',
  },
  lt: {
    sms: 'Jūsų {name} patvirtinimo kodas: {code}',
    doNotShare: 'Jūsų {name} kodas: {code}. Niekam jo nesakykite.',
    psd2: 'Jūsų {name} kodas sumokėti {amount} gavėjui {payee}: {code}',
    call: 'Sveiki. Jūsų {name} patvirtinimo kodas yra: {code}. Dar kartą, jūsų kodas yra: {code}. Viso gero.',
  },
  mr: {
    sms: 'तुमचा {name} पडताळणी कोड आहे: {code}',
    doNotShare: '{name} कोड: {code}. तो कोणालाही सांगू नका.',
    psd2: '{payee} यांना {amount} देण्यासाठी तुमचा {name} कोड आहे: {code}',
    call: 'नमस्कार. तुमचा {name} पडताळणी कोड आहे: {code}. पुन्हा एकदा, तुमचा कोड आहे: {code}. धन्यवाद.',
  },
  ms: {
    sms: 'Kod pengesahan {name} anda ialah: {code}',
    doNotShare:
      'Kod pengesahan {name} anda ialah: {code}. Jangan kongsi kod ini dengan sesiapa; kakitangan kami tidak akan memintanya',
    psd2: 'Kod {name} anda untuk membayar {amount} kepada {payee} ialah: {code}',
    call: 'Helo. Kod pengesahan {name} anda ialah: {code}. Sekali lagi, kod anda ialah: {code}. Terima kasih.',
  },
  nb: {
    sms: 'Din bekreftelseskode for {name} er: {code}',
    doNotShare:
      'Din bekreftelseskode for {name} er: {code}. Ikke del den med noen; våre ansatte ber aldri om koden',
    psd2: 'Din kode fra {name} for å betale {amount} til {payee} er: {code}',
    call: 'Hei. Din bekreftelseskode for {name} er: {code}. En gang til, koden din er: {code}. Ha det bra.',
  },
  nl: {
    sms: 'Je verificatiecode voor {name} is: {code}',
    doNotShare:
      'Je verificatiecode voor {name} is: {code}. Deel deze code met niemand; onze medewerkers vragen er nooit om',
    psd2: 'Je {name}-code om {amount} te betalen aan {payee} is: {code}',
    call: 'Hallo. Je verificatiecode voor {name} is: {code}. Nog een keer, je code is: {code}. Tot ziens.',
  },
  pl: {
    sms: 'Kod weryfikacyjny {name}: {code}',
    doNotShare: 'Kod weryfikacyjny {name}: {code}. Nie podawaj go nikomu, nawet naszym pracownikom',
    psd2: 'Kod {name} do zatwierdzenia przelewu {amount} dla {payee}: {code}',
    call: 'Dzień dobry. Twój kod weryfikacyjny {name} to: {code}. Powtarzam, twój kod to: {code}. Do widzenia.',
  },
  pt: {
    sms: 'O seu código de {name} é: {code}',
    doNotShare: 'O seu código de {name}: {code}. Não o partilhe.',
    psd2: 'O seu código de {name} para pagar {amount} a {payee} é: {code}',
    call: 'Olá. O seu código de verificação de {name} é: {code}. Repito, o seu código é: {code}. Adeus.',
  },
  'pt-BR': {
    sms: 'Seu código de {name} é: {code}',
    doNotShare: 'Seu código de {name}: {code}. Não compartilhe.',
    psd2: 'Seu código de {name} para pagar {amount} a {payee} é: {code}',
    call: 'Olá. Seu código de verificação de {name} é: {code}. Repetindo, seu código é: {code}. Até logo.',
  },
  ro: {
    sms: 'Codul de verificare {name} este: {code}',
    doNotShare: 'Codul de verificare {name} este: {code}. Nu comunica acest cod altor persoane',
    psd2: 'Codul {name} pentru plata sumei de {amount}, beneficiar {payee}, este: {code}',
    call: 'Bună ziua. Codul de verificare {name} este: {code}. Repet, codul este: {code}. La revedere.',
  },
  ru: {
    sms: 'Ваш код подтверждения {name}: {code}',
    doNotShare: 'Код {name}: {code}. Никому его не сообщайте.',
    psd2: 'Ваш код {name} для оплаты {amount}, получатель {payee}: {code}',
    call: 'Здравствуйте. Ваш код подтверждения {name}: {code}. Повторяю, ваш код: {code}. До свидания.',
  },
  sk: {
    sms: 'Váš overovací kód {name}: {code}',
    doNotShare: 'Váš kód {name}: {code}. Nikomu ho neprezraďte.',
    psd2: 'Váš kód {name} na platbu {amount} pre {payee}: {code}',
    call: 'Dobrý deň. Váš overovací kód {name} je: {code}. Ešte raz, váš kód je: {code}. Dovidenia.',
  },
  sv: {
    sms: 'Din verifieringskod för {name} är: {code}',
    doNotShare:
      'Din verifieringskod för {name} är: {code}. Dela den inte med någon; våra medarbetare frågar aldrig efter koden',
    psd2: 'Din kod från {name} för att betala {amount} till {payee} är: {code}',
    call: 'Hej. Din verifieringskod för {name} är: {code}. En gång till, din kod är: {code}. Hej då.',
  },
  ta: {
    sms: '{name} சரிபார்ப்புக் குறியீடு: {code}',
    doNotShare: '{name} குறியீடு: {code}. யாரிடமும் பகிராதீர்கள்.',
    psd2: '{payee} க்கு {amount} செலுத்த உங்கள் {name} குறியீடு: {code}',
    call: 'வணக்கம். உங்கள் {name} சரிபார்ப்புக் குறியீடு: {code}. மீண்டும், உங்கள் குறியீடு: {code}. நன்றி.',
  },
  te: {
    sms: 'మీ {name} ధృవీకరణ కోడ్: {code}',
    doNotShare: 'మీ {name} కోడ్: {code}. ఎవరికీ చెప్పకండి.',
    psd2: '{payee} కు {amount} చెల్లించడానికి మీ {name} కోడ్: {code}',
    call: 'నమస్కారం. మీ {name} ధృవీకరణ కోడ్: {code}. మరోసారి, మీ కోడ్: {code}. ధన్యవాదాలు.',
  },
  th: {
    sms: 'รหัสยืนยัน {name} ของคุณคือ: {code}',
    doNotShare: 'รหัส {name} ของคุณคือ: {code} ห้ามบอกผู้อื่น',
    psd2: 'รหัส {name} สำหรับชำระ {amount} ให้ {payee} คือ: {code}',
    call: 'สวัสดีค่ะ รหัสยืนยัน {name} ของคุณคือ: {code} ขอทวนอีกครั้ง รหัสของคุณคือ: {code} สวัสดีค่ะ',
  },
  tl: {
    sms: 'Ang iyong verification code sa {name} ay: {code}',
    doNotShare:
      'Ang iyong verification code sa {name} ay: {code}. Huwag itong ibigay kaninuman; hindi ito hihingin ng aming staff',
    psd2: 'Ang iyong {name} code para magbayad ng {amount} sa {payee} ay: {code}',
    call: 'Kumusta. Ang iyong verification code sa {name} ay: {code}. Uulitin ko, ang iyong code ay: {code}. Paalam.',
  },
  tr: {
    sms: '{name} onay kodunuz: {code}',
    doNotShare: '{name} onay kodunuz: {code}. Bu kodu kimseye vermeyin; ekibimiz de sizden istemez',
    psd2: '{name} onay kodunuz (ödeme: {amount}, {payee}): {code}',
    call: 'Merhaba. {name} doğrulama kodunuz: {code}. Tekrar ediyorum, kodunuz: {code}. Hoşça kalın.',
  },
  uk: {
    sms: 'Ваш код підтвердження {name}: {code}',
    doNotShare: 'Код {name}: {code}. Нікому його не повідомляйте.',
    psd2: 'Ваш код {name} для сплати {amount}, отримувач {payee}: {code}',
    call: 'Вітаємо. Ваш код підтвердження {name}: {code}. Повторюю, ваш код: {code}. До побачення.',
  },
  ur: {
    sms: 'آپ کا {name} تصدیقی کوڈ یہ ہے: {code}',
    doNotShare: 'آپ کا {name} کوڈ یہ ہے: {code}۔ کسی کو نہ بتائیں۔',
    psd2: 'آپ کا {name} کوڈ، {payee} کو {amount} ادا کرنے کے لیے، یہ ہے: {code}',
    call: 'السلام علیکم۔ آپ کا {name} تصدیقی کوڈ یہ ہے: {code}۔ ایک بار پھر، آپ کا کوڈ یہ ہے: {code}۔ شکریہ۔',
  },
  vi: {
    sms: 'Mã xác minh {name} của bạn là: {code}',
    doNotShare: 'Mã {name} của bạn: {code}. Đừng đưa mã cho ai.',
    psd2: 'Mã {name} để thanh toán {amount} cho {payee} là: {code}',
    call: 'Xin chào. Mã xác minh {name} của bạn là: {code}. Xin nhắc lại, mã của bạn là: {code}. Tạm biệt.',
  },
  zh: simplifiedChinese,
  'zh-CN': simplifiedChinese,
  'zh-HK': {
    sms: '您的 {name} 驗證碼是：{code}',
    doNotShare: '您的 {name} 驗證碼是：{code}。請勿告訴任何人。',
    psd2: '您正透過 {name} 向 {payee} 支付 {amount}，驗證碼是：{code}',
    call: '您好。您的 {name} 驗證碼是：{code}。再說一遍，您的驗證碼是：{code}。再見。',
  },
} as const satisfies Record<string, Texts>

export type Locale = keyof typeof TEXTS

import java.io.FileInputStream;
import java.security.KeyStore;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509TrustManager;

/** {@code VerifyTrust store chain.pem …}: "trusted" or "refused" for each chain that a TLS server might send. */
public class VerifyTrust {
  public static void main(String[] arguments) throws Exception {
    KeyStore store = KeyStore.getInstance("PKCS12");
    store.load(new FileInputStream(arguments[0]), null);
    TrustManagerFactory factory = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    factory.init(store);
    X509TrustManager manager = (X509TrustManager) factory.getTrustManagers()[0];
    for (int i = 1; i < arguments.length; i++) {
      var chain = CertificateFactory.getInstance("X.509").generateCertificates(new FileInputStream(arguments[i]));
      try {
        manager.checkServerTrusted(chain.toArray(new X509Certificate[0]), "ECDHE_ECDSA");
        System.out.println("trusted");
      } catch (CertificateException refusal) {
        System.out.println("refused");
      }
    }
  }
}

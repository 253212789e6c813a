import io.fabric8.crdv2.generator.CRDGenerator;
import io.strimzi.api.kafka.model.kafka.Kafka;
import io.strimzi.api.kafka.model.nodepool.KafkaNodePool;
import io.strimzi.api.kafka.model.topic.KafkaTopic;
import java.io.File;

/** Writes the definitions of Strimzi's kinds, as its classes say, into the folder that is the argument. */
public class Definitions {
    public static void main(String[] arguments) {
        new CRDGenerator()
            .customResourceClasses(Kafka.class, KafkaNodePool.class, KafkaTopic.class)
            .forCRDVersions("v1")
            .inOutputDir(new File(arguments[0]))
            .generate();
    }
}

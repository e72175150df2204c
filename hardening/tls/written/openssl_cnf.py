"""tls/openssl.cnf.j2 as Python, written by `make templates`; do not edit."""

FINGERPRINT = 3790372843
INCLUDES = ('tls/_header.j2',)


def made(environment, runtime):
    TemplateRuntimeError = runtime['TemplateRuntimeError']
    Undefined = runtime['Undefined']
    internalcode = runtime['internalcode']
    missing = runtime['missing']

    def root(context, missing=missing, environment=environment):
        resolve = context.resolve_or_missing
        undefined = environment.undefined
        concat = environment.concat
        cond_expr_undefined = Undefined
        if 0: yield None
        l_0_least = resolve('least')
        l_0_greatest = resolve('greatest')
        l_0_job = resolve('job')
        l_0_options = resolve('options')
        try:
            t_1 = environment.filters['join']
        except KeyError:
            @internalcode
            def t_1(*unused):
                raise TemplateRuntimeError("No filter named 'join' found.")
        pass
        template = environment.get_template('tls/_header.j2', 'tls/openssl.cnf.j2')
        gen = template.root_render_func(template.new_context(context.get_all(), True, {}))
        try:
            for event in gen:
                yield event
        finally: gen.close()
        yield 'openssl_conf = openssl_init\n\n[openssl_init]\nssl_conf = ssl_sect\n\n[ssl_sect]\nsystem_default = system_default_sect\n\n[system_default_sect]\nMinProtocol = '
        yield str((undefined(name='least') if l_0_least is missing else l_0_least))
        yield '\nMaxProtocol = '
        yield str((undefined(name='greatest') if l_0_greatest is missing else l_0_greatest))
        yield '\n'
        if environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'ciphers'):
            pass
            yield 'CipherString = '
            yield str(environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'cipher_string'))
            yield '\n'
        if environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'ciphersuites'):
            pass
            yield 'Ciphersuites = '
            yield str(t_1(context.eval_ctx, environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'ciphersuites'), ':'))
            yield '\n'
        if environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'groups'):
            pass
            yield 'Groups = '
            yield str(t_1(context.eval_ctx, environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'groups'), ':'))
            yield '\n'
        if environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'signatures'):
            pass
            yield 'SignatureAlgorithms = '
            yield str(environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'signature_string'))
            yield '\n'
        yield 'Options = '
        yield str((undefined(name='options') if l_0_options is missing else l_0_options))
        yield '\n'

    return root
